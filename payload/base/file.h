// SPDX-License-Identifier: GPL-2.0-only
// Whole files in and out. Reading is bounded. A written file appears whole or not at all, and a
// failure leaves nothing behind. Findings name the path.
#pragma once

#include "payload/base/bytes.h"
#include "payload/base/result.h"

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace xlp {

// Largest file that is read unless the caller says otherwise.
inline constexpr std::uint64_t max_file_size = 256U << 20;

// A regular file's bytes. Refuses anything else (a folder, a device, a pipe: it is never waited
// on), and files larger than `limit`. Errors: `file.unreadable` (bad input).
Result<Bytes> read_file(const std::filesystem::path&, std::uint64_t limit = max_file_size);
Result<std::string> read_text(const std::filesystem::path&, std::uint64_t limit = max_file_size);

// The same; nothing if there is no such file.
Result<std::optional<std::string>> read_text_if_there(const std::filesystem::path&,
                                                      std::uint64_t limit = max_file_size);

struct WriteOptions {
    unsigned mode = 0666;   // the process's umask is taken off
    bool durable = true;    // survives a power cut: the file and its folder are synced
    bool exclusive = false; // fails if the file is there already
};

// What stands between a file's name and six characters while the file is being written.
inline constexpr std::string_view unfinished_mark = ".new-";

// Writes to a temporary file beside `path` and renames it: readers see the old file or the whole
// new one. A device or a pipe that stands at `path` is never replaced. The folder must exist.
// Errors: `file.unwritable` (environment).
Result<void> write_file(const std::filesystem::path& path, View bytes, WriteOptions = {});
Result<void> write_file(const std::filesystem::path& path, std::string_view text,
                        WriteOptions = {});

// Removes a file, durably; it need not be there. Errors: `file.unwritable`.
Result<void> remove_file(const std::filesystem::path&);

// Makes a folder and its parents. Errors: `file.unwritable`.
Result<void> make_folder(const std::filesystem::path&);

// What every tool says of a file that it cannot read or write; `error` is an errno value.
Finding unreadable(const std::filesystem::path&, int error);
Finding unwritable(const std::filesystem::path&, int error);

} // namespace xlp
