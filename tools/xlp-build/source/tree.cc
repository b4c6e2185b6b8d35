// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-build/source/tree.h"

#include "payload/base/bytes.h"
#include "payload/base/file.h"
#include "payload/base/hash.h"
#include "payload/base/parallel.h"
#include "tools/common/cache.h"
#include "tools/common/process.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

namespace xlp::build {

namespace fs = std::filesystem;

namespace {

bool is_among(std::string_view name, std::initializer_list<std::string_view> list) {
    return std::find(list.begin(), list.end(), name) != list.end();
}

// What xen/'s own build leaves behind; the list follows _clean and _distclean of xen/Makefile and
// the .gitignore files of 4.7 to 4.22.
bool is_product(std::string_view path) {
    const std::string_view name = path.substr(path.rfind('/') + 1);
    for (std::string_view suffix : {".o", ".a", ".cmd", ".o.d", ".s.d", ".i.d", ".lds.d", ".tmp",
                                    ".new", ".gcno", ".chk", ".orig", ".rej", "~"})
        if (name.ends_with(suffix))
            return true;
    for (std::string_view folder :
         {"xen/include/generated/", "xen/include/config/", "xen/include/compat/"})
        if (path.starts_with(folder))
            return true;
    if (is_among(name, {"asm-offsets.s", "asm-offsets.h", "asm-macros.h", "asm-macros.i",
                        "cpuid-autogen.h", "compile.h", "hypercall-defs.i", "hypercall-defs.h",
                        "xen.lds", "efi.lds", "config.gz", "config_data.S", "built_in.o", ".banner",
                        ".allconfig.tmp", "tags", "TAGS", "cscope.out"}))
        return true;
    return is_among(path, {"xen/.config", "xen/.config.old", "xen/source", "xen/xen", "xen/xen.gz",
                           "xen/xen.efi", "xen/xen-syms", "xen/xen-syms.map", "xen/xen.efi.map",
                           "xen/include/asm", "xen/tools/symbols", "xen/tools/fixdep",
                           "xen/tools/kconfig/conf"});
}

Finding unreadable(const fs::path& file, int error) {
    return bad_input("source.unreadable",
                     fmt::format("The file cannot be read: {}.", std::strerror(error)), {},
                     {.file = file.string()});
}

Finding unwritable(const fs::path& file, int error) {
    return environment("file.write",
                       fmt::format("The file cannot be written: {}.", std::strerror(error)),
                       error == ENOSPC ? "Free some disk space, or specify another --cache." : "",
                       {.file = file.string()});
}

Finding not_xen(const fs::path& tree, const std::string& why) {
    return bad_input("source.not-xen", fmt::format("This is not a Xen source tree: {}.", why),
                     "Pass the root of the tree, which contains xen/ and Config.mk.",
                     {.file = tree.string()});
}

// The right-hand side of `[export] NAME [?]= value`.
std::string makefile_value(std::string_view text, std::string_view name) {
    for (std::size_t at = 0; at < text.size();) {
        std::size_t end = std::min(text.find('\n', at), text.size());
        auto w = words(text.substr(at, end - at));
        at = end + 1;
        if (!w.empty() && w[0] == "export")
            w.erase(w.begin());
        if (w.size() >= 2 && w[0] == name && is_among(w[1], {"=", "?=", ":="}))
            return w.size() > 2 ? w[2] : "";
    }
    return {};
}

Result<void> copy_one(const fs::path& from, const fs::path& to) {
    struct stat st {};
    if (lstat(from.c_str(), &st) != 0)
        return fail(unreadable(from, errno));
    std::error_code ec;
    if (S_ISLNK(st.st_mode)) {
        fs::copy_symlink(from, to, ec);
        if (ec)
            return fail(unwritable(to, ec.value()));
    } else {
        if (!fs::copy_file(from, to, ec) || ec)
            return fail(unwritable(to, ec.value()));
        // a read-only source tree must not make a read-only copy
        chmod(to.c_str(), (st.st_mode & 0777) | S_IWUSR | S_IRUSR);
    }
    const timespec times[2] = {st.st_atim, st.st_mtim}; // make compares them
    utimensat(AT_FDCWD, to.c_str(), times, AT_SYMLINK_NOFOLLOW);
    return {};
}

} // namespace

std::string XenVersion::text() const {
    return fmt::format("{}.{}{}", major, minor, extra);
}

Result<XenVersion> read_version(const fs::path& tree) {
    auto makefile = read_text(tree / "xen/Makefile");
    if (!makefile)
        return fail(not_xen(tree, "there is no xen/Makefile"));
    auto number = [&](std::string_view name, unsigned& to) {
        std::string v = makefile_value(*makefile, name);
        auto [end, ec] = std::from_chars(v.data(), v.data() + v.size(), to);
        return ec == std::errc() && end == v.data() + v.size();
    };
    XenVersion version;
    if (!number("XEN_VERSION", version.major) || !number("XEN_SUBVERSION", version.minor))
        return fail(not_xen(tree, "xen/Makefile does not set XEN_VERSION and XEN_SUBVERSION"));
    version.extra = makefile_value(*makefile, "XEN_EXTRAVERSION");
    version.extra = version.extra.substr(0, version.extra.find('$'));
    return version;
}

bool belongs_to_hypervisor(std::string_view path) {
    if (path == "Config.mk" || path == "version.sh")
        return true;
    if (path.starts_with("config/"))
        return true;
    if (path.starts_with("tools/flask/policy/"))
        return true; // compiled in with CONFIG_XSM_FLASK_POLICY
    return path.starts_with("xen/") && !is_product(path);
}

Result<std::vector<TreeFile>> list_tree(const fs::path& tree) {
    if (!fs::is_directory(tree))
        return fail(not_xen(tree, "it is not a directory"));
    std::vector<TreeFile> files;
    for (const char* top : {"Config.mk", "version.sh"})
        if (fs::is_regular_file(tree / top))
            files.push_back({top, false});
    for (const char* folder : {"config", "tools/flask/policy", "xen"}) {
        std::error_code ec;
        if (!fs::is_directory(tree / folder, ec))
            continue;
        auto it = fs::recursive_directory_iterator(tree / folder, ec);
        for (; !ec && it != fs::end(it); it.increment(ec)) {
            std::string path = it->path().lexically_relative(tree).string();
            if (it->is_symlink() || it->is_regular_file()) {
                if (belongs_to_hypervisor(path))
                    files.push_back({std::move(path), it->is_symlink()});
            } else if (it->path().filename() == ".git") {
                it.disable_recursion_pending();
            }
        }
        if (ec)
            return fail(unreadable(tree / folder, ec.value()));
    }
    std::sort(files.begin(), files.end(),
              [](const TreeFile& a, const TreeFile& b) { return a.path < b.path; });
    return files;
}

Result<std::string> hash_tree(const fs::path& tree, const std::vector<TreeFile>& files,
                              const std::stop_token& stop) {
    KeyHash hash;
    for (const TreeFile& f : files) {
        if (stop.stop_requested())
            return fail(interrupted());
        hash.add(f.path);
        if (f.symlink) {
            std::error_code ec;
            hash.add("->" + fs::read_symlink(tree / f.path, ec).string());
            if (ec)
                return fail(unreadable(tree / f.path, ec.value()));
            continue;
        }
        auto contents = read_text(tree / f.path);
        if (!contents)
            return fail(contents);
        hash.add(*contents);
    }
    return hash.hex();
}

Result<void> copy_tree(const fs::path& from, const std::vector<TreeFile>& files, const fs::path& to,
                       const std::stop_token& stop) {
    fs::path made;
    for (const TreeFile& f : files) {
        if (stop.stop_requested())
            return fail(interrupted());
        const fs::path target = to / f.path;
        if (target.parent_path() != made) {
            std::error_code ec;
            made = target.parent_path();
            fs::create_directories(made, ec);
            if (ec)
                return fail(unwritable(made, ec.value()));
        }
        if (auto r = copy_one(from / f.path, target); !r)
            return r;
    }
    return {};
}

std::string replace_all(std::string text, std::string_view from, std::string_view to) {
    for (std::size_t at = 0; (at = text.find(from, at)) != text.npos; at += to.size())
        text.replace(at, from.size(), to);
    return text;
}

namespace {

bool names_paths(const fs::path& file) {
    const std::string name = file.filename().string();
    return name.starts_with(".") && (name.ends_with(".d") || name.ends_with(".cmd"));
}

// The rewriting half of copy_prepared: the file keeps its times.
Result<void> relocate(const fs::path& file, const std::string& from, const std::string& to) {
    auto text = read_text(file);
    if (!text)
        return fail(text);
    if (text->find(from) == text->npos)
        return {};
    struct stat st {};
    lstat(file.c_str(), &st);
    if (auto r = write_file(file, replace_all(std::move(*text), from, to)); !r)
        return r;
    const timespec times[2] = {st.st_atim, st.st_mtim};
    utimensat(AT_FDCWD, file.c_str(), times, 0);
    return {};
}

} // namespace

Result<void> copy_prepared(const fs::path& from, const fs::path& to, const std::stop_token& stop) {
    std::error_code ec;
    fs::create_directories(to, ec);
    if (ec)
        return fail(unwritable(to, ec.value()));
    auto it = fs::recursive_directory_iterator(from, ec);
    for (; !ec && it != fs::end(it); it.increment(ec)) {
        if (stop.stop_requested())
            return fail(interrupted());
        const fs::path target = to / it->path().lexically_relative(from);
        if (it->is_directory() && !it->is_symlink()) {
            fs::create_directory(target, ec);
            if (ec)
                return fail(unwritable(target, ec.value()));
        } else if (auto r = copy_one(it->path(), target); !r) {
            return r;
        } else if (names_paths(target) && !it->is_symlink()) {
            if (auto moved = relocate(target, from.string() + "/", to.string() + "/"); !moved)
                return moved;
        }
    }
    if (ec)
        return fail(unreadable(from, ec.value()));
    return {};
}

} // namespace xlp::build
