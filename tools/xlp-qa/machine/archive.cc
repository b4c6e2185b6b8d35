// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-qa/machine/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <array>
#include <fmt/format.h>
#include <memory>
#include <set>
#include <stdexcept>
#include <sys/stat.h>

namespace xlp::qa {

namespace {

Finding corrupt(const std::string& name, std::string_view why) {
    return bad_input("qa.corrupt", fmt::format("The file cannot be unpacked: {}.", why),
                     "Download it again; it may be truncated.", {name, {}, {}, 0});
}

la_ssize_t append(archive*, void* out, const void* bytes, std::size_t size) {
    static_cast<std::string*>(out)->append(static_cast<const char*>(bytes), size);
    return static_cast<la_ssize_t>(size);
}

void write_member(archive* a, const Member& m, unsigned inode) {
    std::unique_ptr<archive_entry, decltype(&archive_entry_free)> entry(archive_entry_new(),
                                                                        &archive_entry_free);
    archive_entry_set_pathname(entry.get(), m.path.c_str());
    archive_entry_set_mode(entry.get(), m.mode);
    archive_entry_set_ino(entry.get(), inode); // the format has no other word for "another file"
    archive_entry_set_nlink(entry.get(), S_ISDIR(m.mode) ? 2 : 1);
    if (S_ISLNK(m.mode))
        archive_entry_set_symlink(entry.get(), m.data.c_str());
    // libarchive takes no member of unknown size, not even a folder
    archive_entry_set_size(entry.get(),
                           S_ISREG(m.mode) ? static_cast<la_int64_t>(m.data.size()) : 0);
    archive_entry_set_rdevmajor(entry.get(), m.major);
    archive_entry_set_rdevminor(entry.get(), m.minor);
    const bool written = archive_write_header(a, entry.get()) == ARCHIVE_OK
                         && (!S_ISREG(m.mode)
                             || archive_write_data(a, m.data.data(), m.data.size())
                                    == static_cast<la_ssize_t>(m.data.size()));
    if (!written)
        throw std::logic_error(fmt::format("{}: {}", m.path, archive_error_string(a)));
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
            return fail(corrupt(name, why ? why : "unknown error"));
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
    std::unique_ptr<archive, decltype(&archive_write_free)> a(archive_write_new(),
                                                              &archive_write_free);
    archive_write_set_format_cpio_newc(a.get());
    archive_write_set_bytes_in_last_block(a.get(), 1); // no padding
    archive_write_open(a.get(), &out, nullptr, append, nullptr);
    unsigned inode = 1;
    std::set<std::string> folders;
    for (const Member& m : members) {
        for (std::size_t slash = m.path.find('/'); slash != std::string::npos;
             slash = m.path.find('/', slash + 1)) {
            std::string folder = m.path.substr(0, slash);
            if (folders.insert(folder).second)
                write_member(a.get(), {folder, S_IFDIR | 0755, {}, 0, 0}, inode++);
        }
        if (!S_ISDIR(m.mode) || folders.insert(m.path).second)
            write_member(a.get(), m, inode++);
    }
    archive_write_close(a.get());
    return out;
}

} // namespace xlp::qa
