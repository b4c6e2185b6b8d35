// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-qa/machine/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <array>
#include <fmt/format.h>
#include <memory>
#include <set>
#include <sys/stat.h>

namespace xlp::qa {

namespace {

Finding corrupt(const std::string& name, std::string_view why) {
    return bad_input("qa.corrupt", fmt::format("The file cannot be unpacked: {}.", why),
                     "Fetch it again; it may be truncated.", {name, {}, {}, 0});
}

void append_padded(std::string& out, std::string_view bytes) {
    out += bytes;
    out.append((4 - out.size() % 4) % 4, '\0');
}

// Names and numbers are the fields of the newc header in their order.
void append_member(std::string& out, const Member& m, unsigned inode) {
    const bool folder = S_ISDIR(m.mode);
    out += fmt::format("070701{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}"
                       "{:08x}{:08x}",
                       inode, m.mode, /*uid*/ 0, /*gid*/ 0, /*links*/ folder ? 2 : 1, /*mtime*/ 0,
                       m.data.size(), /*dev*/ 0, 0, m.major, m.minor, m.path.size() + 1,
                       /*check*/ 0);
    append_padded(out, m.path + '\0');
    append_padded(out, m.data);
}

} // namespace

Result<std::string> decompress(std::string_view bytes, const std::string& name, std::size_t limit) {
    std::unique_ptr<archive, decltype(&archive_read_free)> a(archive_read_new(),
                                                             &archive_read_free);
    archive_read_support_filter_all(a.get());
    archive_read_support_format_raw(a.get());
    archive_read_support_format_empty(a.get());
    archive_entry* entry = nullptr;
    if (archive_read_open_memory(a.get(), bytes.data(), bytes.size()) != ARCHIVE_OK
        || archive_read_next_header(a.get(), &entry) != ARCHIVE_OK) {
        const char* why = archive_error_string(a.get());
        return fail(corrupt(name, why ? why : "it is empty"));
    }
    std::string out;
    std::array<char, 1 << 16> buffer;
    for (;;) {
        la_ssize_t n = archive_read_data(a.get(), buffer.data(), buffer.size());
        if (n < 0) {
            const char* why = archive_error_string(a.get());
            return fail(corrupt(name, why ? why : "unknown fault"));
        }
        if (n == 0)
            return out;
        out.append(buffer.data(), static_cast<std::size_t>(n));
        if (out.size() > limit)
            return fail(corrupt(name, fmt::format("it unpacks to more than {} MiB", limit >> 20)));
    }
}

Member regular_file(std::string path, std::string data, bool executable) {
    return {std::move(path), static_cast<std::uint32_t>(S_IFREG | (executable ? 0755 : 0644)),
            std::move(data), 0, 0};
}

Member symbolic_link(std::string path, std::string target) {
    return {std::move(path), S_IFLNK | 0777, std::move(target), 0, 0};
}

Member device_node(std::string path, std::uint32_t major, std::uint32_t minor) {
    return {std::move(path), S_IFCHR | 0600, {}, major, minor};
}

std::string cpio_archive(const std::vector<Member>& members) {
    std::string out;
    unsigned inode = 1;
    std::set<std::string> folders;
    for (const Member& m : members) {
        for (std::size_t slash = m.path.find('/'); slash != std::string::npos;
             slash = m.path.find('/', slash + 1)) {
            std::string folder = m.path.substr(0, slash);
            if (folders.insert(folder).second)
                append_member(out, {folder, S_IFDIR | 0755, {}, 0, 0}, inode++);
        }
        if (!S_ISDIR(m.mode) || folders.insert(m.path).second)
            append_member(out, m, inode++);
    }
    append_member(out, {"TRAILER!!!", 0, {}, 0, 0}, 0);
    return out;
}

} // namespace xlp::qa
