// SPDX-License-Identifier: GPL-2.0-only
// Whole files in and out, content keys, and the cache folder that holds what is costly to make.
#pragma once

#include "payload/result.h"
#include "tools/xlp-qa/descriptor.h"

#include <filesystem>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace xlp::qa {

namespace fs = std::filesystem;

// The bytes of a regular file. Errors: `qa.unreadable` (bad input).
Result<std::string> read_file(const fs::path&);

// Writes through a temporary file in the same folder and a rename: a reader sees the old file, or
// the whole new one, and a failure leaves nothing behind. Errors: `qa.unwritable` (environment).
Result<void> write_file(const fs::path&, std::string_view bytes);

// SHA-256 over the parts, each preceded by its length, so that parts cannot run into each other;
// the first 128 bits in hexadecimal.
std::string content_key(std::initializer_list<std::string_view> parts);

// An exclusive lock on a file, made when missing; let go when the object, or the process,
// goes.
class FileLock {
public:
    // Takes it unless somebody else has it (nothing). Errors: `qa.unwritable`.
    static Result<std::optional<FileLock>> try_take(const fs::path&);

private:
    explicit FileLock(Descriptor file) : file_(std::move(file)) {}
    Descriptor file_;
};

// A folder of files named KIND-KEY. Safe for several processes at once.
class Cache {
public:
    // Makes the folder. An empty path means $XDG_CACHE_HOME/xlp or ~/.cache/xlp.
    static Result<Cache> open(fs::path root);

    const fs::path& root() const { return root_; }
    fs::path path(std::string_view kind, std::string_view key) const;

    // The file KIND-KEY, made by `produce` unless it is there.
    Result<fs::path> obtain(std::string_view kind, std::string_view key,
                            const std::function<Result<std::string>()>& produce) const;

    // Removes all but the `keep` most recently used files of a kind. One that another process has
    // open stays readable there; nothing is removed that was used within the last hour.
    void prune(std::string_view kind, std::size_t keep) const;

    // Removes scratch folders that a killed process left behind.
    void sweep() const;

private:
    explicit Cache(fs::path root) : root_(std::move(root)) {}
    fs::path root_;
};

// A new empty folder run-XXXXXX in `parent`, removed with all its content by the destructor. It is
// locked while it is in use, so that Cache::sweep() can tell.
class ScratchFolder {
public:
    static Result<ScratchFolder> make(const fs::path& parent);
    ScratchFolder(ScratchFolder&& o) noexcept
        : path_(std::exchange(o.path_, {})), lock_(std::move(o.lock_)) {}
    ScratchFolder& operator=(ScratchFolder&&) = delete;
    ~ScratchFolder();

    const fs::path& path() const { return path_; }

private:
    ScratchFolder(fs::path p, Descriptor lock) : path_(std::move(p)), lock_(std::move(lock)) {}
    fs::path path_;
    Descriptor lock_;
};

} // namespace xlp::qa
