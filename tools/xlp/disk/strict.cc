// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/disk/strict.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace xlp::host {
namespace {

namespace fs = std::filesystem;

// What is wrong; empty when nothing is. A folder in which everybody may make files, but only remove
// his own (/tmp), does no harm to what is ours in it.
std::string wrong_with(const struct stat& s) {
    if (s.st_uid != 0 && s.st_uid != ::geteuid())
        return fmt::format("It is owned by user {}.", s.st_uid);
    if ((s.st_mode & 022) && !(S_ISDIR(s.st_mode) && (s.st_mode & S_ISVTX)))
        return fmt::format("Users other than its owner can write to it (mode {:04o}).",
                           s.st_mode & 07777);
    return {};
}

} // namespace

Result<void> only_ours(const fs::path& path) {
    std::error_code ec;
    fs::path at = fs::canonical(path, ec);
    if (ec)
        return {};
    for (;; at = at.parent_path()) {
        struct stat s {};
        if (::stat(at.c_str(), &s) == 0)
            if (std::string why = wrong_with(s); !why.empty())
                return fail(refusal(
                    "trust.mode", why + " So other users could control what xlp does here.",
                    fmt::format("chown root {0} && chmod go-w {0}", at.string()), {at, {}, {}, 0}));
        if (at == at.root_path())
            return {};
    }
}

} // namespace xlp::host
