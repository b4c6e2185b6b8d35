// SPDX-License-Identifier: GPL-2.0-only
#include "tools/common/lock.h"

#include "payload/base/file.h"
#include "payload/base/parallel.h"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <thread>

namespace xlp {

Result<FileLock> FileLock::open(const std::filesystem::path& path) {
    if (path.has_parent_path())
        if (auto ok = make_folder(path.parent_path()); !ok)
            return fail(ok);
    Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
    if (!file)
        return fail(unwritable(path, errno));
    return FileLock(std::move(file), path);
}

Result<bool> FileLock::attempt(Mode mode) const {
    if (::flock(file_.get(), (mode == Mode::shared ? LOCK_SH : LOCK_EX) | LOCK_NB) == 0)
        return true;
    if (errno == EWOULDBLOCK || errno == EINTR)
        return false;
    return fail(environment("file.unwritable",
                            fmt::format("Cannot lock the file: {}.", std::strerror(errno)),
                            "Use a local file system.", {.file = path_.string()}));
}

Result<std::optional<FileLock>> FileLock::try_take(const std::filesystem::path& path, Mode mode) {
    auto lock = open(path);
    if (!lock)
        return fail(lock);
    auto taken = lock->attempt(mode);
    if (!taken)
        return fail(taken);
    if (!*taken)
        return std::nullopt;
    return std::move(*lock);
}

Result<FileLock> FileLock::take(const std::filesystem::path& path, Mode mode,
                                const std::stop_token& stop) {
    auto lock = open(path);
    if (!lock)
        return fail(lock);
    if (auto ok = lock->change(mode, stop); !ok)
        return fail(ok);
    return lock;
}

Result<void> FileLock::change(Mode mode, const std::stop_token& stop) {
    auto pause = std::chrono::milliseconds(5);
    while (true) {
        auto taken = attempt(mode);
        if (!taken)
            return fail(taken);
        if (*taken)
            return {};
        if (stop.stop_requested())
            return fail(interrupted());
        std::this_thread::sleep_for(pause);
        pause = std::min(2 * pause, std::chrono::milliseconds(100));
    }
}

} // namespace xlp
