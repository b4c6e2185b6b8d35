// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-build/base/base.h"

#include "payload/base/file.h"
#include "payload/base/hash.h"
#include "payload/base/json.h"
#include "payload/xen/image.h"
#include "tools/common/lock.h"
#include "tools/common/process.h"
#include "tools/xlp-build/source/tree.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <fmt/format.h>
#include <glob.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace xlp::build {

namespace fs = std::filesystem;

namespace {

Finding fault(const char* code, std::string why, std::string remedy, const fs::path& file) {
    return bad_input(code, std::move(why), std::move(remedy), {file.string(), {}, {}, 0});
}

std::vector<fs::path> matching(const fs::path& pattern) {
    glob_t found{};
    std::vector<fs::path> list;
    if (glob(pattern.c_str(), 0, nullptr, &found) == 0)
        list.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
    globfree(&found);
    return list;
}

// A folder that goes away unless it is put in its place.
class Draft {
public:
    explicit Draft(const fs::path& final) : final_(final) {
        path_ = final.parent_path() / fmt::format(".{}.{}", final.filename().string(), ::getpid());
    }
    ~Draft() {
        std::error_code ignored;
        if (!path_.empty())
            fs::remove_all(path_, ignored);
    }
    Draft(const Draft&) = delete;
    Draft& operator=(const Draft&) = delete;
    const fs::path& path() const { return path_; }

    Result<void> keep() {
        std::error_code error;
        fs::rename(path_, final_, error);
        if (error)
            return fail(environment(
                "file.unwritable",
                fmt::format("The base cannot be moved into place: {}.", error.message()), {},
                {final_.string(), {}, {}, 0}));
        path_.clear();
        return {};
    }

private:
    fs::path path_, final_;
};

Json to_json(const Base& b) {
    Json j = {{"base", 1},
              {"name", b.name},
              {"branch", b.branch},
              {"version", b.version},
              {"build_id", b.build_id}};
    if (!b.revision.empty())
        j["revision"] = b.revision;
    j["cc"] = b.cc;
    if (!b.make.empty())
        j["make"] = b.make;
    j["compiler"] = b.compiler;
    j["files"] = b.files;
    j["sha256"] = b.sha256;
    return j;
}

Result<std::string> hash_of(const fs::path& path, const std::stop_token& stop) {
    if (fs::is_directory(path)) {
        auto files = list_tree(path);
        if (!files)
            return fail(files);
        return hash_tree(path, *files, stop);
    }
    auto bytes = read_file(path, 1U << 30);
    if (!bytes)
        return fail(bytes);
    return sha256_hex(*bytes);
}

// The kernel's modules, where a package has them beside it: xlp-qa finds them there.
void copy_modules(const fs::path& kernel, const fs::path& to) {
    const std::string name = kernel.filename().string();
    if (!name.starts_with("vmlinuz-"))
        return;
    std::error_code error;
    const fs::path from = kernel.parent_path() / "../lib/modules" / name.substr(8);
    if (!fs::is_directory(from, error))
        return;
    fs::create_directories(to / "lib/modules", error);
    fs::copy(from, to / "lib/modules" / name.substr(8),
             fs::copy_options::recursive | fs::copy_options::copy_symlinks, error);
}

Result<void> copy_files(Base& b, const BaseFiles& from, const fs::path& to,
                        const std::stop_token& stop) {
    std::error_code error;
    for (const auto& [role, path] : from) {
        std::string name = role == "source"       ? "source"
                           : role == "config"     ? "config"
                           : role == "xen_syms"   ? "xen-syms"
                           : role == "hypervisor" ? "xen.gz"
                                                  : "boot/" + path.filename().string();
        if (role == "source") {
            auto files = list_tree(path);
            if (!files)
                return fail(files);
            if (auto ok = copy_tree(path, *files, to / name, stop); !ok)
                return ok;
        } else {
            fs::create_directories((to / name).parent_path(), error);
            fs::copy_file(path, to / name, error);
            if (error)
                return fail(environment(
                    "file.unwritable",
                    fmt::format("{} cannot be copied: {}.", path.string(), error.message()),
                    "Check the free space.", {to.string(), {}, {}, 0}));
        }
        if (role == "kernel")
            copy_modules(path, to);
        auto hash = hash_of(to / name, stop);
        if (!hash)
            return fail(hash);
        b.files[role] = name;
        b.sha256[role] = *hash;
    }
    return {};
}

// Whether the files belong together; all that is wrong.
Findings check_files(Base& b, const BaseFiles& files) {
    Findings faults;
    auto version = read_version(files.at("source"));
    if (!version)
        append(faults, version.error());
    auto image = xen::Image::read(files.at("xen_syms"));
    if (!image)
        append(faults, image.error());
    if (version && image) {
        const xen::Version v = image->version();
        if (v.major != version->major || v.minor != version->minor)
            faults.push_back(fault(
                "base.other-version",
                fmt::format("The source is Xen {}, but xen-syms is {}.", version->text(), v.text()),
                "Use the source that the hypervisor was built from.", files.at("source")));
        b.version = version->text();
        b.branch = fmt::format("{}.{}", version->major, version->minor);
        b.build_id = hex(image->build_id());
    }
    auto config = read_text(files.at("config"));
    if (!config)
        append(faults, config.error());
    else if (config->find("CONFIG_LIVEPATCH=y") == config->npos)
        faults.push_back(fault("base.no-livepatch",
                               "This configuration does not enable live patching.",
                               "A hypervisor built without CONFIG_LIVEPATCH accepts no payloads.",
                               files.at("config")));
    return faults;
}

Result<void> run_tar(std::vector<std::string> argv, const fs::path& about,
                     const std::stop_token& stop) {
    Command c;
    c.argv = std::move(argv);
    auto outcome = run_command(c, stop);
    if (!outcome)
        return fail(outcome);
    if (!outcome->ok())
        return fail(environment("base.archive", fmt::format("tar says: {}", outcome->err),
                                "Check the file and the free space.", {about.string(), {}, {}, 0}));
    return {};
}

Result<fs::path> new_place(const std::string& name) {
    if (!is_base_name(name))
        return fail(wrong_usage(
            fmt::format("`{}' is not a valid base name: use letters, digits, - . _ +.", name)));
    const fs::path folder = bases_folder() / name;
    if (auto ok = make_folder(folder.parent_path()); !ok)
        return fail(ok);
    std::error_code ignored;
    if (fs::exists(folder, ignored))
        return fail(fault("base.exists", fmt::format("A base named `{}' already exists.", name),
                          "Remove it first: xlp-build base remove " + name + ".", folder));
    return folder;
}

Result<FileLock> lock_place(const fs::path& folder, const std::stop_token& stop) {
    return FileLock::take(folder.parent_path() / ".lock", FileLock::Mode::exclusive, stop);
}

} // namespace

Result<BaseFiles> find_base_files(const fs::path& folder) {
    static const std::map<std::string, std::vector<const char*>> places = {
        {"source", {"source", "src"}},
        {"config", {"config", "hv/boot/xen-*.config", "boot/xen-*.config"}},
        {"xen_syms",
         {"xen-syms", "dbg/usr/lib/debug/boot/xen-syms-*", "usr/lib/debug/boot/xen-syms-*",
          "boot/xen-syms-*"}},
        {"hypervisor", {"xen.gz", "hv/boot/xen-*.gz", "boot/xen-*.gz"}},
        {"kernel", {"vmlinuz*", "kern/boot/vmlinuz-*", "boot/vmlinuz-*"}}};
    BaseFiles files;
    Findings faults;
    for (const auto& [role, patterns] : places) {
        for (const char* pattern : patterns) {
            auto found = matching(folder / pattern);
            std::erase_if(found, [](const fs::path& p) { return p.string().ends_with(".map"); });
            if (found.size() > 1)
                faults.push_back(
                    fault("base.ambiguous",
                          fmt::format("Several files could be its {}: {}.", role, pattern),
                          "Specify which one with its own option.", folder));
            if (!found.empty()) {
                files[role] = found.front();
                break;
            }
        }
        if (!files.contains(role) && role != "hypervisor" && role != "kernel")
            faults.push_back(fault("base.incomplete", fmt::format("It has no {}.", role),
                                   "scripts/fetch-xen creates a complete directory; or specify the "
                                   "file with its own option.",
                                   folder));
    }
    if (!faults.empty())
        return fail(std::move(faults));
    return files;
}

Result<Base> add_base(Base b, const BaseFiles& files, const std::stop_token& stop) {
    auto folder = new_place(b.name);
    if (!folder)
        return fail(folder);
    if (Findings faults = check_files(b, files); !faults.empty())
        return fail(std::move(faults));
    auto lock = lock_place(*folder, stop);
    if (!lock)
        return fail(lock);
    Draft draft(*folder);
    if (auto ok = make_folder(draft.path()); !ok)
        return fail(ok);
    if (auto ok = copy_files(b, files, draft.path(), stop); !ok)
        return fail(ok);
    if (auto ok = write_file(draft.path() / "base.json", to_json(b).dump(4) + "\n"); !ok)
        return fail(ok);
    if (auto ok = draft.keep(); !ok)
        return fail(ok);
    b.folder = *folder;
    return b;
}

Findings check_base(const Base& b, const std::stop_token& stop) {
    Findings findings;
    for (const auto& [role, name] : b.files) {
        auto hash = hash_of(b.path(role), stop);
        if (!hash)
            append(findings, hash.error());
        else if (auto it = b.sha256.find(role); it == b.sha256.end() || it->second != *hash)
            findings.push_back(fault("base.changed",
                                     fmt::format("Its {} does not match the manifest.", role),
                                     "Add or import the base again.", b.path(role)));
    }
    return findings;
}

Result<void> export_base(const Base& b, const fs::path& to, const std::stop_token& stop) {
    if (Findings faults = check_base(b, stop); !faults.empty())
        return fail(std::move(faults));
    const fs::path part = to.string() + fmt::format(".{}", ::getpid());
    auto made =
        run_tar({"tar", "--sort=name", "--owner=0", "--group=0", "--numeric-owner",
                 "--mode=u+rwX,go=rX", "--format=pax", "--pax-option=delete=atime,delete=ctime",
                 "-C", b.folder.string(), "-c", "-f", part.string(), "."},
                to, stop);
    std::error_code error;
    if (made) {
        fs::rename(part, to, error);
        if (!error)
            return {};
        made = fail(environment("file.unwritable", error.message(), {}, {to.string(), {}, {}, 0}));
    }
    fs::remove(part, error);
    return made;
}

Result<Base> import_base(const fs::path& archive, const std::string& name,
                         const std::stop_token& stop) {
    auto folder = new_place(name);
    if (!folder)
        return fail(folder);
    auto lock = lock_place(*folder, stop);
    if (!lock)
        return fail(lock);
    Draft draft(*folder);
    if (auto ok = make_folder(draft.path()); !ok)
        return fail(ok);
    if (auto ok = run_tar(
            {"tar", "-x", "-f", fs::absolute(archive).string(), "-C", draft.path().string()},
            archive, stop);
        !ok)
        return fail(ok);
    auto base = open_base(draft.path().string());
    if (!base)
        return base;
    if (Findings faults = check_base(*base, stop); !faults.empty())
        return fail(std::move(faults));
    base->name = name;
    if (auto ok = write_file(draft.path() / "base.json", to_json(*base).dump(4) + "\n"); !ok)
        return fail(ok);
    if (auto ok = draft.keep(); !ok)
        return fail(ok);
    base->folder = *folder;
    return base;
}

Result<void> remove_base(const std::string& name) {
    auto base = open_base(name);
    if (!base)
        return fail(base);
    const fs::path folder = bases_folder() / name;
    if (base->folder != folder)
        return fail(
            fault("base.missing", "Only a listed base can be removed, by name.", {}, base->folder));
    std::error_code error;
    const fs::path gone = folder.parent_path() / fmt::format(".{}.gone", name);
    fs::rename(folder, gone, error); // whole or not at all
    if (!error)
        fs::remove_all(gone, error);
    if (error)
        return fail(
            environment("file.unwritable", error.message(), {}, {folder.string(), {}, {}, 0}));
    return {};
}

} // namespace xlp::build
