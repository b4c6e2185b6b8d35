// SPDX-License-Identifier: GPL-2.0-only
// What is kept between runs. An entry is a folder named by the hash of everything that it was made
// from. It is made in place, as a prepared tree holds its own path, and counts once it is marked
// complete; a lock beside it keeps other runs away meanwhile.
#pragma once

#include "payload/result.h"

#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

namespace xlp::build {

// SHA-256 over a sequence of strings; {"ab", "c"} and {"a", "bc"} differ.
class Hash {
public:
    Hash();
    ~Hash();
    Hash(const Hash&) = delete;
    Hash& operator=(const Hash&) = delete;
    void add(std::string_view data);
    std::string hex(); // 64 digits; once

private:
    struct State;
    std::unique_ptr<State> state_;
};

std::string hash_of(std::string_view data);

// An advisory lock on a file beside what it guards, held until destroyed.
class FileLock {
public:
    enum class Mode { shared, exclusive };
    // Waits for other runs, asking `stop` now and then.
    static Result<FileLock> take(const std::filesystem::path& file, Mode,
                                 const std::stop_token& stop);
    // Lets other runs share what this one has made. Another exclusive holder may come in between.
    Result<void> change(Mode, const std::stop_token& stop);
    ~FileLock();
    FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    FileLock& operator=(FileLock&&) = delete;

private:
    explicit FileLock(int fd) : fd_(fd) {}
    int fd_;
};

// Whether `folder` was kept by a Draft.
bool is_complete(const std::filesystem::path& folder);

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

// $XDG_CACHE_HOME/xlp, or ~/.cache/xlp.
std::filesystem::path default_cache();

// The lock's file of an entry.
std::filesystem::path lock_of(const std::filesystem::path& entry);

// A complete entry under a shared lock; `make` fills it first where it is not complete yet (under
// an exclusive lock; what it leaves on failure is removed). Marks the entry as used just now.
Result<FileLock> open_entry(const std::filesystem::path& entry, const std::stop_token& stop,
                            const std::function<Result<void>()>& make);

// Removes all but the `keep` most recently used entries in `folder`, and none that a run holds.
void prune(const std::filesystem::path& folder, std::size_t keep);

} // namespace xlp::build
