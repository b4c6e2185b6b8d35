// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-build/recipe/import.h"

#include "payload/base/file.h"
#include "payload/base/hash.h"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>
#include <fnmatch.h>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>

namespace xlp::build {

namespace fs = std::filesystem;

namespace {

enum class Kind { text, meta, index, series, unknown };

Kind kind_of(const std::string& text, const fs::path& file) {
    const std::size_t first = text.find_first_not_of(" \t\r\n");
    if (first != text.npos && (text[first] == '{' || text[first] == '[')) {
        const Json j = Json::parse(text, nullptr, false);
        if (j.is_object() && j.contains("XSA"))
            return Kind::meta;
        return file.extension() == ".meta" ? Kind::meta : Kind::index;
    }
    if (text.find("Xen Security Advisory") != text.npos)
        return Kind::text;
    return file.filename() == "series" ? Kind::series : Kind::unknown;
}

Result<Imported> import_file(const ImportRequest& request, const std::string& text,
                             const fs::path& file, const ImportContext& context) {
    switch (kind_of(text, file)) {
    case Kind::text:
        return import_text(text, file, context);
    case Kind::meta:
        return import_meta(text, file, context);
    case Kind::index:
        return import_index(text, file);
    case Kind::series:
        if (request.git.branches.size() != 1)
            return fail(bad_input("recipe.series", "A series file does not name its branch.",
                                  "Specify it with --branch.", {file.string(), {}, {}, 0}));
        return import_series(text, file, request.git.branches.front());
    case Kind::unknown:
        break;
    }
    return fail(
        bad_input("recipe.unknown-kind",
                  "This is not an advisory's text, a .meta file, an xsa.json or a series file.",
                  "docs/recipes.md lists the supported formats.", {file.string(), {}, {}, 0}));
}

// One recipe for each advisory; what contradicts is told for all of them.
Result<void> gather(std::map<unsigned, AdvisoryRecipe>& all, std::vector<AdvisoryRecipe> more) {
    Findings faults;
    for (AdvisoryRecipe& r : more) {
        auto [it, fresh] = all.emplace(r.number, r);
        if (fresh)
            continue;
        if (auto ok = merge(it->second, r); !ok)
            append(faults, std::move(ok.error()));
    }
    if (!faults.empty())
        return fail(std::move(faults));
    return {};
}

void add_missing(std::vector<std::string>& to, const std::vector<std::string>& from) {
    for (const std::string& s : from)
        if (std::find(to.begin(), to.end(), s) == to.end())
            to.push_back(s);
}

// The files that a patch changes, without the a/ and b/ before them; false where it has another
// form.
bool changed_files(const std::string& patch, std::set<std::string>& files) {
    std::istringstream in(patch);
    std::string before;
    bool any = false;
    for (std::string line; std::getline(in, line); before = line) {
        if (!before.starts_with("--- ") || !line.starts_with("+++ "))
            continue;
        for (const std::string& header : {before, line}) {
            const std::string path = header.substr(4, header.find_first_of(" \t\r", 4) - 4);
            if (path == "/dev/null")
                continue;
            if (!path.starts_with("a/") && !path.starts_with("b/"))
                return false;
            files.insert(path.substr(2));
            any = true;
        }
    }
    return any;
}

// What an advisory's text does not say: its patches do, if all of them are there.
bool learn_from_patches(AdvisoryRecipe& r, const fs::path& folder) {
    std::set<std::string> files;
    for (const auto& [branch, fix] : r.branches)
        for (const PublishedPatch& p : fix.patches) {
            auto text = read_text(folder / p.file, 16U << 20);
            if (!text || !changed_files(*text, files))
                return false;
        }
    add_missing(r.concerns, concerns_of(files));
    if (r.concerns.size() > 1) // "other" only stands for nothing better
        std::erase(r.concerns, "other");
    return !files.empty();
}

// An advisory that has patches for Xen and for another project: which of them touch the hypervisor
// is in no text. A recipe that named the other project alone would say that none does.
Findings settle_concerns(std::map<unsigned, AdvisoryRecipe>& all,
                         const std::set<unsigned>& from_git, const fs::path& patches) {
    Findings told;
    for (auto& [number, r] : all) {
        if (from_git.contains(number) || r.branches.empty()
            || (!patches.empty() && learn_from_patches(r, patches)))
            continue;
        const bool others = !r.concerns.empty()
                            && std::all_of(r.concerns.begin(), r.concerns.end(), [](const auto& c) {
                                   return c == "qemu" || c == "linux" || c == "other";
                               });
        if (!others)
            continue;
        told.push_back(
            warning("recipe.not-understood",
                    fmt::format("{} has patches for Xen and for another project; whether those for "
                                "Xen change the hypervisor is not stated.",
                                r.id()),
                    "Add `concerns' to the recipe manually, or import with --git or --patches.",
                    {r.file.string(), {}, {}, 0}));
        r.concerns.clear();
    }
    return told;
}

// Two versions of one advisory: what the older one says need not hold any more.
void refuse_second_text(std::map<unsigned, fs::path>& seen, const Imported& one,
                        const fs::path& file, Findings& faults) {
    for (const AdvisoryRecipe& r : one.recipes)
        if (const auto [it, fresh] = seen.emplace(r.number, file); !fresh)
            faults.push_back(bad_input(
                "recipe.contradiction",
                fmt::format("{} is also the advisory of {}.", r.id(), it->second.string()),
                "Import only its newest version.", {file.string(), {}, {}, 0}));
}

// The hashes of one file more; one that contradicts is told.
void add_hashes(ImportContext& to, const std::string& text, const fs::path& file,
                Findings& findings) {
    for (const auto& [name, hash] : hashes_of(text)) {
        const auto [it, fresh] = to.hashes.emplace(name, hash);
        if (!fresh && it->second != hash)
            findings.push_back(warning("recipe.hash",
                                       fmt::format("{} is published with hash {}, and with {} in "
                                                   "another file; the latter is used.",
                                                   name, hash, it->second),
                                       "Import only the newest version of an advisory.",
                                       {file.string(), {}, {}, 0}));
    }
}

} // namespace

Result<Imported> import_recipes(const ImportRequest& request, const std::stop_token& stop) {
    std::map<unsigned, AdvisoryRecipe> all;
    Imported result;
    Findings faults;
    std::vector<std::pair<fs::path, std::string>> texts;
    std::map<unsigned, fs::path> advisories; // and the text of each
    ImportContext context{request.patches, request.newest, {}};
    for (const fs::path& file : request.files) {
        auto text = read_text(file, 16U << 20);
        if (!text) {
            append(faults, std::move(text.error()));
            continue;
        }
        add_hashes(context, *text, file, result.findings);
        texts.emplace_back(file, std::move(*text));
    }
    for (const auto& [file, text] : texts) {
        auto one = import_file(request, text, file, context);
        if (!one) {
            append(faults, std::move(one.error()));
            continue;
        }
        if (kind_of(text, file) == Kind::text)
            refuse_second_text(advisories, *one, file, faults);
        append(result.findings, std::move(one->findings));
        if (auto ok = gather(all, std::move(one->recipes)); !ok)
            append(faults, std::move(ok.error()));
    }
    if (!faults.empty())
        return fail(std::move(faults));
    std::set<unsigned> from_git; // their files say what the fixes change
    if (!request.git.clone.empty()) {
        GitImport git = request.git;
        if (git.advisories.empty())
            for (const auto& [number, r] : all)
                git.advisories.insert(number);
        auto one = import_git(git, stop);
        if (!one)
            return fail(one);
        append(result.findings, std::move(one->findings));
        for (const AdvisoryRecipe& r : one->recipes)
            from_git.insert(r.number);
        if (auto ok = gather(all, std::move(one->recipes)); !ok)
            return fail(ok);
    }
    append(result.findings, settle_concerns(all, from_git, request.patches));
    for (auto& [number, r] : all) {
        std::sort(r.cves.begin(), r.cves.end());
        result.recipes.push_back(std::move(r));
    }
    return result;
}

std::vector<PublishedPatch> find_patches(const std::string& pattern, const ImportContext& context,
                                         const Where& where, Findings& findings) {
    // As numbers order them: -2.patch before -10.patch.
    const auto before = [](const std::string& a, const std::string& b) {
        return strverscmp(a.c_str(), b.c_str()) < 0;
    };
    std::set<std::string, decltype(before)> names(before);
    for (const auto& [name, hash] : context.hashes)
        if (fnmatch(pattern.c_str(), name.c_str(), FNM_PATHNAME) == 0)
            names.insert(name);
    std::error_code error;
    if (!context.patches.empty())
        for (fs::recursive_directory_iterator it(context.patches, error), end; it != end;
             it.increment(error)) {
            const std::string name = fs::relative(it->path(), context.patches, error).string();
            if (it->is_regular_file(error)
                && fnmatch(pattern.c_str(), name.c_str(), FNM_PATHNAME) == 0)
                names.insert(name);
        }
    auto fault = [&](const char* code, std::string why, std::string remedy) {
        findings.push_back(warning(code, std::move(why), std::move(remedy), where));
    };
    if (names.empty())
        fault("recipe.not-understood",
              fmt::format("`{}' matches no file whose hash is known.", pattern),
              "Also pass the advisory's text, which has the hashes, or the directory of patches "
              "with --patches.");
    std::vector<PublishedPatch> patches;
    for (const std::string& name : names) {
        auto published = context.hashes.find(name);
        std::string hash = published == context.hashes.end() ? "" : published->second;
        const fs::path path = context.patches / name;
        if (!context.patches.empty() && fs::exists(path, error)) {
            auto bytes = read_file(path);
            const std::string found = bytes ? sha256_hex(*bytes) : "";
            if (!hash.empty() && found != hash)
                fault("recipe.hash",
                      fmt::format("{} has hash {}, but was published with {}.", path.string(),
                                  found, hash),
                      "Download it again.");
            else if (hash.empty())
                hash = found;
        }
        patches.push_back({name, hash});
    }
    return patches;
}

Result<void> merge(AdvisoryRecipe& to, const AdvisoryRecipe& from) {
    if (!from.published.empty() && !to.published.empty() && from.published != to.published)
        return fail(bad_input("recipe.contradiction",
                              fmt::format("{} has two publication dates, {} and {}.", to.id(),
                                          to.published, from.published),
                              "Import only one of the two.", {to.file.string(), {}, {}, 0}));
    for (std::string AdvisoryRecipe::*member :
         {&AdvisoryRecipe::title, &AdvisoryRecipe::published, &AdvisoryRecipe::committed})
        if ((to.*member).empty())
            to.*member = from.*member;
    add_missing(to.cves, from.cves);
    add_missing(to.concerns, from.concerns);
    if (to.concerns.size() > 1) // "other" only stands for nothing better
        std::erase(to.concerns, "other");
    add_missing(to.known, from.known);
    for (const auto& [name, fix] : from.branches) {
        auto [it, fresh] = to.branches.emplace(name, fix);
        if (fresh)
            continue;
        BranchFix& mine = it->second;
        if (mine.commits.empty())
            mine.commits = fix.commits;
        if (mine.patches.empty())
            mine.patches = fix.patches;
        if (mine.patches_for.empty())
            mine.patches_for = fix.patches_for;
        if (mine.fixed_in.empty())
            mine.fixed_in = fix.fixed_in;
        add_missing(mine.prerequisites, fix.prerequisites);
        add_missing(mine.needs, fix.needs);
    }
    return {};
}

void keep_what_was_added(AdvisoryRecipe& to, const AdvisoryRecipe& old) {
    for (std::vector<std::string> AdvisoryRecipe::*member :
         {&AdvisoryRecipe::cves, &AdvisoryRecipe::config, &AdvisoryRecipe::hooks,
          &AdvisoryRecipe::xtf, &AdvisoryRecipe::known})
        add_missing(to.*member, old.*member);
    std::sort(to.cves.begin(), to.cves.end());
    if (!old.title.empty())
        to.title = old.title;
    if (to.published.empty())
        to.published = old.published;
    for (const auto& [name, fix] : old.branches) {
        BranchFix& mine = to.branches.emplace(name, fix).first->second;
        add_missing(mine.needs, fix.needs);
        add_missing(mine.prerequisites, fix.prerequisites);
    }
}

std::vector<fs::path> recipe_files(const std::vector<std::string>& given) {
    static const std::regex form("xsa-([0-9]{1,6})\\.json");
    std::vector<fs::path> files;
    for (const std::string& g : given) {
        std::error_code error;
        if (!fs::is_directory(g, error)) {
            files.emplace_back(g);
            continue;
        }
        std::vector<std::pair<unsigned long, fs::path>> found;
        for (fs::directory_iterator it(g, error), end; !error && it != end; it.increment(error)) {
            std::smatch m;
            const std::string name = it->path().filename().string();
            if (std::regex_match(name, m, form))
                found.emplace_back(std::stoul(m[1].str()), it->path());
        }
        std::sort(found.begin(), found.end());
        for (auto& [number, path] : found)
            files.push_back(std::move(path));
    }
    return files;
}

std::optional<std::pair<unsigned, unsigned>> advisory_range(const std::string& text) {
    static const std::regex form("(?:XSA-)?([0-9]{1,6})(?:\\.\\.(?:XSA-)?([0-9]{1,6}))?");
    std::smatch m;
    if (!std::regex_match(text, m, form))
        return std::nullopt;
    const auto first = static_cast<unsigned>(std::stoul(m[1].str()));
    const auto last = m[2].matched ? static_cast<unsigned>(std::stoul(m[2].str())) : first;
    if (last < first)
        return std::nullopt;
    return std::pair(first, last);
}

} // namespace xlp::build
