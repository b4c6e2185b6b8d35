// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/files.h"

#include "tools/xlp/fd.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

namespace xlp::host {
namespace {

namespace fs = std::filesystem;

tl::unexpected<Findings> disk(const char* what, const fs::path& path, int error) {
    return fail(environment("host.disk",
                            fmt::format("{} is not possible: {}.", what, std::strerror(error)),
                            error == ENOSPC  ? "Make room on that file system."
                            : error == EROFS ? "That file system is read-only."
                                             : "",
                            {path, {}, {}, 0}));
}

bool write_all(int fd, std::string_view s) {
    while (!s.empty()) {
        ssize_t n = ::write(fd, s.data(), s.size());
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        s.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
}

// So that the rename itself survives a power cut. File systems that cannot do it say EINVAL.
bool sync_folder(const fs::path& folder) {
    Fd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return fd && (::fsync(fd.get()) == 0 || errno == EINVAL);
}

} // namespace

Result<void> write_atomically(const fs::path& path, std::string_view contents, unsigned mode) {
    const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
    std::error_code ec;
    fs::create_directories(folder, ec);
    if (ec)
        return disk("Making the folder", folder, ec.value());
    std::string beside = path.string() + ".XXXXXX";
    Fd fd(::mkostemp(beside.data(), O_CLOEXEC));
    if (!fd)
        return disk("Writing", path, errno);
    const bool written = write_all(fd.get(), contents) && ::fchmod(fd.get(), mode) == 0
                         && ::fsync(fd.get()) == 0 && fd.reset() == 0
                         && ::rename(beside.c_str(), path.c_str()) == 0;
    if (!written) {
        const int error = errno;
        ::unlink(beside.c_str());
        return disk("Writing", path, error);
    }
    if (!sync_folder(folder))
        return disk("Writing", path, errno);
    return {};
}

Result<void> remove_file(const fs::path& path) {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT)
        return disk("Removing", path, errno);
    return {};
}

Result<std::optional<std::string>> read_if_there(const fs::path& path) {
    constexpr std::size_t limit = 64u << 20;
    Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd && (errno == ENOENT || errno == ENOTDIR))
        return std::optional<std::string>();
    if (!fd)
        return disk("Reading", path, errno);
    std::string all;
    char block[65536];
    for (;;) {
        ssize_t n = ::read(fd.get(), block, sizeof(block));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return disk("Reading", path, errno);
        if (n == 0)
            return std::optional(std::move(all));
        all.append(block, static_cast<std::size_t>(n));
        if (all.size() > limit)
            return disk("Reading", path, EFBIG);
    }
}

Result<std::optional<nlohmann::ordered_json>> read_json(const fs::path& path) {
    using Json = nlohmann::ordered_json;
    auto text = read_if_there(path);
    if (!text)
        return tl::unexpected(text.error());
    if (!*text)
        return std::optional<Json>();
    Json j = Json::parse(**text, nullptr, false);
    if (!j.is_object())
        return fail(bad_input("host.damaged",
                              "This file is damaged: it does not hold a JSON object.",
                              "Look at it and remove it.", {path, {}, {}, 0}));
    return std::optional(std::move(j));
}

} // namespace xlp::host
