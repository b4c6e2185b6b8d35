// SPDX-License-Identifier: GPL-2.0-only
// The two trees: from the source given to a prepared copy, and from that to a patched one.
#include "payload/base/bytes.h"
#include "payload/base/file.h"
#include "payload/base/hash.h"
#include "payload/base/json.h"
#include "tools/common/cache.h"
#include "tools/common/lock.h"
#include "tools/common/process.h"
#include "tools/xlp-build/compile/compile.h"
#include "tools/xlp-build/source/patch.h"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <unistd.h>

namespace xlp::build {

namespace fs = std::filesystem;

namespace {

using Json = nlohmann::json;

// Part of every key: raise it when an entry's layout or our way of making it changes.
constexpr std::string_view format = "xlp-build 4";
constexpr std::size_t kept_trees = 6, kept_patched = 6;

struct Patch {
    std::string name;
    std::vector<FilePatch> files; // those below xen/ and the few others that we copy
};

// What keeps both entries alive.
struct Lease {
    FileLock prepared, patched;
    std::optional<FileLock> below;
};

Json to_json(const Recipes& recipes) {
    Json list = Json::array();
    for (const auto& [object, r] : recipes)
        list.push_back({{"source", r.source},
                        {"object", r.object},
                        {"directory", r.directory},
                        {"argument", r.argument},
                        {"compiler", r.compiler},
                        {"steps", r.steps},
                        {"init_only", r.init_only}});
    return list;
}

Result<Recipes> load_recipes(const fs::path& file) {
    auto text = read_text(file);
    if (!text)
        return fail(text);
    Recipes recipes;
    try {
        for (const Json& j : Json::parse(*text)) {
            Recipe r{j.at("source"),   j.at("object"), j.at("directory"), j.at("argument"),
                     j.at("compiler"), j.at("steps"),  j.at("init_only")};
            std::string object = r.object;
            recipes.emplace(std::move(object), std::move(r));
        }
    } catch (const Json::exception& e) {
        return fail(environment("cache.damaged",
                                fmt::format("A cache entry is damaged: {}.", e.what()),
                                "Remove it.", {.file = file.string()}));
    }
    return recipes;
}

std::string joined(const std::set<std::string>& list) {
    std::string text;
    for (const std::string& s : list)
        text += (text.empty() ? "" : ", ") + s;
    return text;
}

// Reads all patches; keeps of each what concerns the hypervisor. Refuses when nothing is left.
Result<std::vector<Patch>> read_patches(const Request& request, const std::vector<fs::path>& given,
                                        Findings& findings) {
    std::vector<Patch> patches;
    std::set<std::string> outside, other_arch, inside;
    Findings wrong;
    for (const fs::path& file : given) {
        auto text = read_text(file);
        auto parsed =
            text ? parse_patch(*text, file.string())
                 : Result<std::vector<FilePatch>>(fail(bad_input(
                     "patch.unreadable", text.error().front().why, {}, {.file = file.string()})));
        if (!parsed) {
            append(wrong, parsed.error());
            continue;
        }
        if (auto ok = settle_paths(*parsed, file.string(), request.source); !ok) {
            append(wrong, std::move(ok.error()));
            continue;
        }
        Patch patch{file.filename().string(), {}};
        for (FilePatch& f : *parsed) {
            const FileKind kind = kind_of(f.path());
            if (kind == FileKind::outside) {
                outside.insert(f.path());
                continue;
            }
            (kind == FileKind::other_arch ? other_arch : inside).insert(f.path());
            if (f.binary)
                wrong.push_back(bad_input("patch.binary", "A binary patch cannot be applied.", {},
                                          {.file = file.string(), .source = f.path()}));
            patch.files.push_back(std::move(f));
        }
        patches.push_back(std::move(patch));
    }
    if (!wrong.empty())
        return fail(std::move(wrong));
    if (inside.empty())
        return fail(refusal(
            "patch.no-hypervisor-code",
            fmt::format("The patch touches no x86 hypervisor code, only {}.",
                        joined(other_arch.empty() ? outside : other_arch)),
            "The hypervisor needs no live patch for it; update the affected tools or packages."));
    if (!outside.empty())
        findings.push_back(
            note("patch.outside",
                 fmt::format("Ignored, because they are not part of the hypervisor: {}.",
                             joined(outside))));
    return patches;
}

std::vector<std::string> touched_files(const std::vector<Patch>& patches) {
    std::set<std::string> paths;
    for (const Patch& p : patches)
        for (const FilePatch& f : p.files)
            for (const std::string& path : {f.old_path, f.new_path})
                if (!path.empty())
                    paths.insert(path);
    return {paths.begin(), paths.end()};
}

Result<void> apply_all(const std::vector<Patch>& patches, const fs::path& tree,
                       const std::stop_token& stop, Findings* notes) {
    for (const Patch& p : patches) {
        if (p.files.empty())
            continue;
        auto r = apply_patch(p.files, p.name, tree, stop);
        if (!r)
            return fail(r);
        if (notes)
            append(*notes, std::move(*r));
    }
    return {};
}

// Applies the patches to copies of just the files that they touch, so that one that does not apply
// is told before anything long begins.
Result<void> try_patches(const Request& request, const std::vector<Patch>& patches,
                         const fs::path& scratch, const std::stop_token& stop, Findings& notes) {
    auto draft = cache::Draft::make(scratch);
    if (!draft)
        return fail(draft);
    std::vector<TreeFile> files;
    for (const std::string& path : touched_files(patches)) {
        std::error_code ec;
        const fs::path at = request.source / path;
        if (fs::is_regular_file(fs::symlink_status(at, ec)))
            files.push_back({path, false});
    }
    if (auto r = copy_tree(request.source, files, scratch, stop); !r)
        return r;
    return apply_all(patches, scratch, stop, &notes);
}

Result<void> make_original(const Request& request, const std::vector<TreeFile>& files,
                           const fs::path& config, const fs::path& entry,
                           const std::stop_token& stop) {
    const fs::path tree = entry / "tree";
    if (auto r = copy_tree(request.source, files, tree, stop); !r)
        return r;
    if (auto r = configure(tree, config, request.toolchain, stop); !r)
        return r;
    if (auto r = make_headers(tree, request.toolchain, stop); !r)
        return r;
    auto recipes = read_recipes(tree, request.toolchain, stop);
    if (!recipes)
        return fail(recipes);
    return write_file(entry / "recipes.json", to_json(*recipes).dump());
}

// A step of preparing the patched tree that fails is the patch's fault: the same worked without it.
Result<void> blame_patch(Result<void> r) {
    if (!r)
        for (Finding& f : r.error())
            if (f.code == "prepare.failed") {
                f.code = "patch.does-not-build";
                f.failure = Failure::input;
                f.why = "With the patch applied: " + f.why;
                f.remedy = "Check that the patch is complete and made for this source.";
            }
    return r;
}

// compile.h says on which machine Xen was compiled, when, and by whom. It was made for the
// original, perhaps elsewhere; made again it would look like a change of the patch.
Result<void> keep_compile_info(const fs::path& original, const fs::path& tree) {
    const fs::path header = "xen/include/xen/compile.h";
    std::error_code ec;
    if (!fs::exists(original / header, ec))
        return {};
    auto text = read_text(original / header);
    return text ? write_file(tree / header, *text) : fail(text);
}

Result<void> make_patched(const Request& request, const std::vector<Patch>& patches,
                          const fs::path& original, const fs::path& entry,
                          const std::stop_token& stop) {
    const fs::path tree = entry / "tree";
    if (auto r = copy_prepared(original / "tree", tree, stop); !r)
        return r;
    if (auto r = apply_all(patches, tree, stop, nullptr); !r)
        return r;
    bool kconfig = false, headers = false, recipes = false, compile_info = false;
    for (const std::string& path : touched_files(patches)) {
        const FileKind kind = kind_of(path);
        const std::string name = fs::path(path).filename();
        kconfig |= name.starts_with("Kconfig");
        headers |= kind != FileKind::c_source || name == "asm-offsets.c";
        compile_info |= name == "compile.h.in";
        recipes |= kind == FileKind::build;
    }
    const Toolchain& t = request.toolchain;
    if (kconfig)
        if (auto r = blame_patch(reconfigure(tree, t, stop)); !r)
            return r;
    if (headers)
        if (auto r = blame_patch(make_headers(tree, t, stop)); !r)
            return r;
    if (headers && !recipes && !compile_info)
        if (auto r = keep_compile_info(original / "tree", tree); !r)
            return r;
    if (!recipes) {
        std::error_code ec;
        fs::copy_file(original / "recipes.json", entry / "recipes.json", ec);
        return {};
    }
    auto list = read_recipes(tree, t, stop);
    if (!list)
        return fail(list);
    return write_file(entry / "recipes.json", to_json(*list).dump());
}

Result<std::string> version_of(const std::string& program, const std::stop_token& stop) {
    auto outcome = run_command({.argv = {program, "--version"}}, stop);
    if (!outcome)
        return fail(outcome);
    return outcome->out.substr(0, outcome->out.find('\n'));
}

// All that a prepared tree and its objects depend on.
Result<std::string> key_of(const Request& request, const std::vector<TreeFile>& files,
                           const std::string& config, const std::stop_token& stop) {
    KeyHash key;
    key.add(format);
    auto tree = hash_tree(request.source, files, stop);
    auto compiler = compiler_identity(request.toolchain, stop);
    auto binutils = version_of("objcopy", stop);
    for (const auto* part : {&tree, &compiler, &binutils}) {
        if (!*part)
            return fail(part->error());
        key.add(**part);
    }
    key.add(config);
    for (const std::string& v : request.toolchain.make_variables)
        key.add(v);
    return key.hex().substr(0, 24);
}

std::string key_of(const std::vector<Patch>& patches) {
    KeyHash key;
    for (const Patch& p : patches)
        for (const FilePatch& f : p.files)
            key.add(f.text);
    return key.hex().substr(0, 24);
}

} // namespace

Result<Trees> prepare_trees(const Request& request, const Progress& progress,
                            const std::stop_token& stop, Findings& findings) {
    auto version = read_version(request.source);
    if (!version)
        return fail(version);
    Findings of_below; // were told when those were built
    auto below = request.patches_below.empty()
                     ? std::vector<Patch>()
                     : read_patches(request, request.patches_below, of_below);
    auto patches = read_patches(request, request.patches, findings);
    if (!below || !patches)
        return fail(below ? patches.error() : below.error());
    std::vector<Patch> all = *below;
    all.insert(all.end(), patches->begin(), patches->end());
    const fs::path config =
        request.config.empty() ? request.source / "xen/.config" : request.config;
    auto config_text = read_config(config);
    if (!config_text)
        return fail(config_text);

    progress("Reading the source");
    auto files = list_tree(request.source);
    if (!files)
        return fail(files);
    auto key = key_of(request, *files, *config_text, stop);
    if (!key)
        return fail(key);
    std::error_code ec;
    // without links: what a file includes is known by where it really lies
    const fs::path cache = fs::weakly_canonical(
        fs::absolute(request.cache.empty() ? cache::default_folder() : request.cache, ec), ec);
    if (cache.empty())
        return fail(environment(
            "cache.unusable", fmt::format("The cache cannot be used: {}.", ec.message()),
            "Specify another directory with --cache.", {.file = request.cache.string()}));
    const fs::path entry = cache / *key;
    const fs::path original = below->empty() ? entry : entry / "patched" / key_of(*below);
    const fs::path patched = entry / "patched" / key_of(all);
    if (auto r = try_patches(request, all, cache / fmt::format("try-{}", getpid()), stop, findings);
        !r)
        return fail(r);

    auto lock = cache::open_entry(entry, stop, [&] {
        progress("Preparing the source (once per source and configuration)");
        return make_original(request, *files, config, entry, stop);
    });
    if (!lock)
        return fail(lock);
    auto patch = [&](const std::vector<Patch>& with, const fs::path& to) {
        return cache::open_entry(to, stop, [&, to] {
            progress("Preparing the patched source");
            return make_patched(request, with, entry, to, stop);
        });
    };
    std::optional<FileLock> below_lock;
    if (original != entry) {
        auto taken = patch(*below, original);
        if (!taken)
            return fail(taken);
        below_lock = std::move(*taken);
    }
    auto patched_lock = patch(all, patched);
    if (!patched_lock)
        return fail(patched_lock);
    cache::prune_entries(cache, kept_trees);
    cache::prune_entries(patched.parent_path(), kept_patched);

    auto about_config = check_config(entry / "tree", config);
    if (!about_config)
        return fail(about_config);
    append(findings, std::move(*about_config));
    auto prepared_recipes = load_recipes(entry / "recipes.json");
    auto recipes = load_recipes(original / "recipes.json");
    auto patched_recipes = load_recipes(patched / "recipes.json");
    for (auto* r : {&prepared_recipes, &recipes, &patched_recipes})
        if (!*r)
            return fail(*r);
    return Trees{*version,
                 entry / "tree",
                 original / "tree",
                 patched / "tree",
                 std::move(*prepared_recipes),
                 std::move(*recipes),
                 std::move(*patched_recipes),
                 original / "objects",
                 patched / "objects",
                 touched_files(*patches),
                 request.toolchain,
                 std::make_shared<Lease>(
                     Lease{std::move(*lock), std::move(*patched_lock), std::move(below_lock)})};
}

} // namespace xlp::build
