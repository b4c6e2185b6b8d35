// SPDX-License-Identifier: GPL-2.0-only
#include "payload/base/file.h"

#include "payload/base/descriptor.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

namespace xlp {

namespace fs = std::filesystem;

namespace {

Finding not_read(const fs::path& path, std::string why) {
    return bad_input("file.unreadable", std::move(why), {}, {.file = path.string()});
}

Finding too_large(const fs::path& path, std::uint64_t limit) {
    return not_read(path, limit >= 1U << 20
                              ? fmt::format("The file is larger than {} MiB.", limit >> 20)
                              : fmt::format("The file is larger than {} bytes.", limit));
}

// An ordinary file's size, or the reason why it is not to be read.
Result<std::size_t> size_to_read(int fd, const fs::path& path, std::uint64_t limit) {
    struct stat st {};
    if (::fstat(fd, &st) != 0)
        return fail(unreadable(path, errno));
    if (S_ISDIR(st.st_mode))
        return fail(unreadable(path, EISDIR));
    if (!S_ISREG(st.st_mode))
        return fail(not_read(path, "This is not a regular file."));
    if (static_cast<std::uint64_t>(st.st_size) > limit)
        return fail(too_large(path, limit));
    return static_cast<std::size_t>(st.st_size);
}

// /dev/stdout and the like are links to a file that a process has open. Renaming a file onto one
// would replace the link.
bool is_open_file(fs::path path) {
    std::error_code error;
    for (int links = 0; links < 8 && fs::is_symlink(path, error); ++links) {
        const fs::path to = fs::read_symlink(path, error);
        path = to.is_absolute() ? to : path.parent_path() / to;
        if (path.native().starts_with("/proc/"))
            return true;
    }
    return false;
}

// To the file's end, or until `bytes` is full: how much that was.
template <class Buffer>
Result<std::size_t> read_into(Buffer& bytes, std::size_t done, const Descriptor& file,
                              const fs::path& path) {
    while (done < bytes.size()) {
        const ssize_t n = ::read(file.get(), bytes.data() + done, bytes.size() - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail(unreadable(path, errno));
        if (n == 0)
            break; // it was truncated meanwhile
        done += static_cast<std::size_t>(n);
    }
    return done;
}

// Kernel files below /proc report a size of 0.
template <class Buffer>
Result<Buffer> read_unsized(const Descriptor& file, const fs::path& path, std::uint64_t limit) {
    Buffer bytes(std::min<std::uint64_t>(limit, 4096), {});
    std::size_t done = 0;
    for (;;) {
        auto end = read_into(bytes, done, file, path);
        if (!end)
            return fail(end);
        done = *end;
        if (done < bytes.size()) {
            bytes.resize(done);
            return bytes;
        }
        if (done >= limit)
            return fail(too_large(path, limit));
        bytes.resize(std::min<std::uint64_t>(limit, 2 * bytes.size()));
    }
}

template <class Buffer>
Result<Buffer> read_open(const Descriptor& file, const fs::path& path, std::uint64_t limit) {
    auto size = size_to_read(file.get(), path, limit);
    if (!size)
        return fail(size);
    if (*size == 0)
        return read_unsized<Buffer>(file, path, limit);
    Buffer bytes(*size, {});
    auto end = read_into(bytes, 0, file, path);
    if (!end)
        return fail(end);
    bytes.resize(*end);
    return bytes;
}

// O_NONBLOCK: opening a pipe must not wait for its writer.
Descriptor open_to_read(const fs::path& path) {
    return Descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
}

template <class Buffer>
Result<Buffer> read_whole(const fs::path& path, std::uint64_t limit) {
    const Descriptor file = open_to_read(path);
    if (!file)
        return fail(unreadable(path, errno));
    return read_open<Buffer>(file, path, limit);
}

bool write_all(int fd, View bytes) {
    while (!bytes.empty()) {
        const ssize_t n = ::write(fd, bytes.data(), bytes.size());
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        bytes = bytes.subspan(static_cast<std::size_t>(n));
    }
    return true;
}

// Reads the umask without a moment in which it is another: from /proc, since umask(2) can only
// exchange it, for all threads.
unsigned current_umask() {
    if (auto status = read_text("/proc/self/status"); status)
        if (const auto at = status->find("Umask:"); at != std::string::npos)
            return static_cast<unsigned>(std::strtoul(status->c_str() + at + 6, nullptr, 8));
    return 022;
}

// The new name of a file is on disk when its folder is.
int sync_folder_of(const fs::path& path) {
    const fs::path parent = path.parent_path();
    const Descriptor folder(
        ::open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return folder && ::fsync(folder.get()) == 0 ? 0 : errno;
}

// 0, or the errno value of what failed.
int put_in_place(const std::string& temporary, const fs::path& path, const WriteOptions& options) {
    if (options.exclusive) {
        if (::link(temporary.c_str(), path.c_str()) != 0)
            return errno;
        ::unlink(temporary.c_str());
    } else if (::rename(temporary.c_str(), path.c_str()) != 0) {
        return errno;
    }
    return options.durable ? sync_folder_of(path) : 0;
}

} // namespace

Finding unreadable(const fs::path& path, int error) {
    return bad_input("file.unreadable",
                     fmt::format("Cannot read the file: {}.", std::strerror(error)), {},
                     {.file = path.string()});
}

Finding unwritable(const fs::path& path, int error) {
    const char* remedy = "";
    if (error == ENOSPC || error == EDQUOT)
        remedy = "Free up space on that file system.";
    else if (error == EACCES || error == EPERM || error == EROFS)
        remedy = "Check the permissions of the directory.";
    else if (error == ENOENT)
        remedy = "Create the directory first.";
    return environment("file.unwritable",
                       fmt::format("Cannot write the file: {}.", std::strerror(error)), remedy,
                       {.file = path.string()});
}

Result<Bytes> read_file(const fs::path& path, std::uint64_t limit) {
    return read_whole<Bytes>(path, limit);
}

Result<std::string> read_text(const fs::path& path, std::uint64_t limit) {
    return read_whole<std::string>(path, limit);
}

Result<std::optional<std::string>> read_text_if_there(const fs::path& path, std::uint64_t limit) {
    const Descriptor file = open_to_read(path);
    if (!file && (errno == ENOENT || errno == ENOTDIR))
        return std::nullopt;
    if (!file)
        return fail(unreadable(path, errno));
    auto text = read_open<std::string>(file, path, limit);
    if (!text)
        return fail(text);
    return std::move(*text);
}

Result<void> write_file(const fs::path& path, View bytes, WriteOptions options) {
    struct stat there {};
    if ((::stat(path.c_str(), &there) == 0 && !S_ISREG(there.st_mode)) || is_open_file(path))
        return fail(environment("file.unwritable", "That path exists and is not a regular file.",
                                "Use a different path.", {.file = path.string()}));
    const unsigned mode = options.mode & ~current_umask();
    std::string temporary = path.string() + std::string(unfinished_mark) + "XXXXXX";
    Descriptor file(::mkostemp(temporary.data(), O_CLOEXEC));
    if (!file)
        return fail(unwritable(path, errno));
    int error = 0;
    if (!write_all(file.get(), bytes) || ::fchmod(file.get(), mode) != 0
        || (options.durable && ::fsync(file.get()) != 0) || file.close() != 0)
        error = errno;
    if (!error)
        error = put_in_place(temporary, path, options);
    if (error) {
        ::unlink(temporary.c_str());
        return fail(unwritable(path, error));
    }
    return {};
}

Result<void> write_file(const fs::path& path, std::string_view text, WriteOptions options) {
    return write_file(path, as_bytes(text), options);
}

Result<void> remove_file(const fs::path& path) {
    if (::unlink(path.c_str()) != 0) {
        if (errno == ENOENT || errno == ENOTDIR)
            return {};
        return fail(unwritable(path, errno));
    }
    if (const int error = sync_folder_of(path))
        return fail(unwritable(path, error));
    return {};
}

Result<void> make_folder(const fs::path& path) {
    std::error_code error;
    fs::create_directories(path, error);
    if (error)
        return fail(unwritable(path, error.value()));
    return {};
}

} // namespace xlp
