// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/disk/lock.h"

#include "payload/base/descriptor.h"
#include "payload/base/parallel.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

namespace xlp::host {
namespace {

std::string holder_of(int fd) {
    char text[32] = {};
    ssize_t n = ::pread(fd, text, sizeof(text) - 1, 0);
    std::string s(text, n > 0 ? static_cast<std::size_t>(n) : 0);
    return s.substr(0, s.find('\n'));
}

// For the message above only: the lock holds whether or not this can be written. A file that holds
// anything but a number of ours is not a lock file, and is left as it is.
void name_holder(int fd) {
    struct stat s {};
    char text[32] = {};
    if (::fstat(fd, &s) != 0 || s.st_size >= static_cast<off_t>(sizeof(text)))
        return;
    const ssize_t n = ::pread(fd, text, sizeof(text) - 1, 0);
    if (std::any_of(text, text + std::max<ssize_t>(n, 0),
                    [](char c) { return c != '\n' && (c < '0' || c > '9'); }))
        return;
    const std::string pid = fmt::format("{}\n", ::getpid());
    if (::ftruncate(fd, 0) == 0 && ::pwrite(fd, pid.data(), pid.size(), 0) < 0)
        errno = 0;
}

} // namespace

Result<Lock> Lock::take(const std::filesystem::path& path, Clock& clock, Nanoseconds patience) {
    std::error_code ec;
    std::filesystem::create_directories(path.parent_path(), ec);
    Descriptor fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd)
        return fail(environment(
            "host.lock", fmt::format("The lock file cannot be opened: {}.", std::strerror(errno)),
            "Run xlp as root, or choose another file with --lock.", {path, {}, {}, 0}));
    const Nanoseconds end = clock.now() + patience;
    Nanoseconds pause = std::chrono::milliseconds(5);
    while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return fail(environment(
                "host.lock", fmt::format("Locking failed: {}.", std::strerror(errno)),
                "Choose a file on a local file system with --lock.", {path, {}, {}, 0}));
        if (clock.stopped())
            return fail(interrupted());
        if (clock.now() >= end) {
            const std::string pid = holder_of(fd.get());
            return fail(environment("host.locked",
                                    fmt::format("Another xlp is changing this host{}.",
                                                pid.empty() ? "" : ", process " + pid),
                                    "Wait for it to finish, or wait longer with --lock-wait.",
                                    {path, {}, {}, 0}));
        }
        clock.sleep(pause);
        pause = std::min<Nanoseconds>(2 * pause, std::chrono::milliseconds(200));
    }
    name_holder(fd.get());
    return Lock(std::move(fd));
}

} // namespace xlp::host
