// SPDX-License-Identifier: GPL-2.0-only
// What is kept between runs: files and folders that are named by the hash of everything that they
// were made from (payload/base/hash.h). Safe for several processes at once.
#pragma once

#include "payload/base/result.h"
#include "tools/common/lock.h"

#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

namespace xlp::cache {

// $XDG_CACHE_HOME/xlp, or ~/.cache/xlp.
std::filesystem::path default_folder();

// A cached file KIND-KEY in `folder`, made by `produce` unless it is there. Marks it as used.
Result<std::filesystem::path> file(const std::filesystem::path& folder, std::string_view kind,
                                   std::string_view key,
                                   const std::function<Result<std::string>()>& produce);
// Removes all but the `keep` most recently used files of a kind, and nothing that was used within
// the last hour. A file that another process has open stays readable there.
void prune_files(const std::filesystem::path& folder, std::string_view kind, std::size_t keep);

// A folder entry is made in place, since a prepared tree holds its own path, and counts only once
// it is marked complete; a lock beside it keeps other runs away meanwhile.
std::filesystem::path lock_of(const std::filesystem::path& entry);
bool is_complete(const std::filesystem::path& entry);

// A new, empty folder (whatever an ended run left there is removed), which goes away with all that
// it holds unless `keep` marks it complete.
class Draft {
public:
    static Result<Draft> make(const std::filesystem::path& folder);
    ~Draft();
    Draft(Draft&& other) noexcept : path_(std::exchange(other.path_, {})) {}
    Draft& operator=(Draft&&) = delete;

    Result<void> keep();

private:
    explicit Draft(std::filesystem::path path) : path_(std::move(path)) {}
    std::filesystem::path path_;
};

// A complete entry under a shared lock; `make` fills it first where it is not complete yet (under
// an exclusive lock; what it leaves on failure is removed). Marks the entry as used.
Result<FileLock> open_entry(const std::filesystem::path& entry, const std::stop_token& stop,
                            const std::function<Result<void>()>& make);

// Removes all but the `keep` most recently used entries in `folder`, and none that a run holds.
// Entries are named by a hash (at least 16 hexadecimal digits); anything else there is left alone.
void prune_entries(const std::filesystem::path& folder, std::size_t keep);

// A new empty folder run-XXXXXX in `parent`, removed with all its content by the destructor. It is
// locked while it is in use.
class Scratch {
public:
    static Result<Scratch> make(const std::filesystem::path& parent);
    Scratch(Scratch&& o) noexcept : path_(std::exchange(o.path_, {})), lock_(std::move(o.lock_)) {}
    Scratch& operator=(Scratch&&) = delete;
    ~Scratch();

    const std::filesystem::path& path() const { return path_; }

private:
    Scratch(std::filesystem::path p, Descriptor lock)
        : path_(std::move(p)), lock_(std::move(lock)) {}
    std::filesystem::path path_;
    Descriptor lock_;
};

// Removes scratch folders in `parent` that a killed process left behind.
void sweep(const std::filesystem::path& parent);

} // namespace xlp::cache
