// SPDX-License-Identifier: GPL-2.0-only
// An advisory lock (flock(2)) on a file beside what it guards. The kernel releases it when its
// holder ends in whatever way.
#pragma once

#include "payload/base/descriptor.h"
#include "payload/base/result.h"

#include <filesystem>
#include <optional>
#include <stop_token>

namespace xlp {

class FileLock {
public:
    enum class Mode { shared, exclusive };

    // Waits for other holders until `stop` is requested. Makes the file and its folder when they
    // are missing; what the file holds is left alone. Errors: `file.unwritable`, `interrupted`.
    static Result<FileLock> take(const std::filesystem::path& file, Mode,
                                 const std::stop_token& stop);
    // Nothing if somebody else has it.
    static Result<std::optional<FileLock>> try_take(const std::filesystem::path& file, Mode);

    // Changes from one mode to the other. Not atomic: another exclusive holder may come in between.
    Result<void> change(Mode, const std::stop_token& stop);

    int descriptor() const { return file_.get(); }

private:
    FileLock(Descriptor file, std::filesystem::path path)
        : file_(std::move(file)), path_(std::move(path)) {}
    static Result<FileLock> open(const std::filesystem::path&);
    Result<bool> attempt(Mode) const;

    Descriptor file_;
    std::filesystem::path path_;
};

} // namespace xlp
