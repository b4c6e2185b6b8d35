// SPDX-License-Identifier: GPL-2.0-only
#include "tools/common/cache.h"

#include "payload/base/file.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <vector>

namespace xlp::cache {

namespace fs = std::filesystem;

namespace {

constexpr const char* complete_mark = ".complete";

Finding unusable(const fs::path& path, int error) {
    return environment("cache.unusable",
                       fmt::format("Cannot write to the cache: {}.", std::strerror(error)),
                       "Specify a writable directory for the cache.", {.file = path.string()});
}

void mark_used(const fs::path& path) {
    std::error_code error;
    fs::last_write_time(path, fs::file_time_type::clock::now(), error);
}

using Dated = std::pair<fs::file_time_type, fs::path>;

// What `wanted` picks of a folder, most recently used first.
std::vector<Dated> by_last_use(const fs::path& folder,
                               const std::function<bool(const fs::directory_entry&)>& wanted) {
    std::error_code error;
    std::vector<Dated> found;
    for (const auto& entry : fs::directory_iterator(folder, error))
        if (std::error_code ignored; wanted(entry))
            found.emplace_back(entry.last_write_time(ignored), entry.path());
    std::sort(found.rbegin(), found.rend());
    return found;
}

} // namespace

fs::path default_folder() {
    if (const char* xdg = std::getenv("XDG_CACHE_HOME"); xdg && *xdg == '/')
        return fs::path(xdg) / "xlp";
    const char* home = std::getenv("HOME");
    return fs::path(home && *home ? home : "/tmp") / ".cache/xlp";
}

Result<fs::path> file(const fs::path& folder, std::string_view kind, std::string_view key,
                      const std::function<Result<std::string>()>& produce) {
    const fs::path path = folder / fmt::format("{}-{}", kind, key);
    std::error_code error;
    if (fs::exists(path, error)) {
        mark_used(path);
        return path;
    }
    auto bytes = produce();
    if (!bytes)
        return fail(bytes);
    if (auto ok = write_file(path, *bytes, {.durable = false}); !ok)
        return fail(ok);
    return path;
}

void prune_files(const fs::path& folder, std::string_view kind, std::size_t keep) {
    const std::string prefix = fmt::format("{}-", kind);
    const auto recent = fs::file_time_type::clock::now() - std::chrono::hours(1);
    const auto found = by_last_use(folder, [&](const fs::directory_entry& e) {
        std::error_code ignored;
        return e.path().filename().string().starts_with(prefix) && e.is_regular_file(ignored);
    });
    std::error_code error;
    for (std::size_t i = keep; i < found.size(); ++i)
        if (found[i].first < recent)
            fs::remove(found[i].second, error);
}

fs::path lock_of(const fs::path& entry) {
    return entry.string() + ".lock";
}

bool is_complete(const fs::path& folder) {
    std::error_code error;
    return fs::exists(folder / complete_mark, error);
}

Result<Draft> Draft::make(const fs::path& folder) {
    std::error_code error;
    fs::remove_all(folder, error);
    fs::create_directories(folder, error);
    if (error)
        return fail(unusable(folder, error.value()));
    return Draft(folder);
}

Draft::~Draft() {
    std::error_code error;
    if (!path_.empty())
        fs::remove_all(path_, error);
}

Result<void> Draft::keep() {
    if (auto ok = write_file(path_ / complete_mark, std::string_view(), {.durable = false}); !ok)
        return ok;
    path_.clear();
    return {};
}

Result<FileLock> open_entry(const fs::path& entry, const std::stop_token& stop,
                            const std::function<Result<void>()>& make) {
    auto lock = FileLock::take(lock_of(entry), FileLock::Mode::shared, stop);
    while (lock && !is_complete(entry)) {
        if (auto ok = lock->change(FileLock::Mode::exclusive, stop); !ok)
            return fail(ok);
        if (!is_complete(entry)) {
            auto draft = Draft::make(entry);
            if (!draft)
                return fail(draft);
            if (auto ok = make(); !ok)
                return fail(ok);
            if (auto ok = draft->keep(); !ok)
                return fail(ok);
        }
        if (auto ok = lock->change(FileLock::Mode::shared, stop); !ok)
            return fail(ok);
    }
    mark_used(entry);
    return lock;
}

namespace {

// A hash: hypervisors that were fetched lie in the same folder, with locks of their own.
bool names_entry(const std::string& name) {
    constexpr std::size_t shortest = 16;
    return name.size() >= shortest && name.find_first_not_of("0123456789abcdef") == name.npos;
}

} // namespace

void prune_entries(const fs::path& folder, std::size_t keep) {
    const auto found = by_last_use(folder, [](const fs::directory_entry& e) {
        std::error_code ignored;
        return e.is_directory(ignored) && names_entry(e.path().filename().string())
               && fs::exists(lock_of(e.path()), ignored);
    });
    std::error_code error;
    for (std::size_t i = keep; i < found.size(); ++i) {
        auto lock = FileLock::try_take(lock_of(found[i].second), FileLock::Mode::exclusive);
        if (lock && *lock)
            fs::remove_all(found[i].second, error);
    }
}

Result<Scratch> Scratch::make(const fs::path& parent) {
    std::string name = (parent / "run-XXXXXX").string();
    if (!::mkdtemp(name.data()))
        return fail(unwritable(name, errno));
    Descriptor lock(::open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (lock)
        ::flock(lock.get(), LOCK_EX | LOCK_NB); // without, it is only swept too early
    return Scratch(name, std::move(lock));
}

Scratch::~Scratch() {
    std::error_code ignored;
    if (!path_.empty())
        fs::remove_all(path_, ignored);
}

void sweep(const fs::path& parent) {
    // between its making and its locking, a folder is very young
    const auto settled = fs::file_time_type::clock::now() - std::chrono::minutes(1);
    const auto found = by_last_use(parent, [](const fs::directory_entry& e) {
        std::error_code ignored;
        return e.path().filename().string().starts_with("run-") && e.is_directory(ignored);
    });
    for (const auto& [used, path] : found) {
        if (used > settled)
            continue;
        const Descriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        std::error_code ignored;
        if (folder && ::flock(folder.get(), LOCK_EX | LOCK_NB) == 0)
            fs::remove_all(path, ignored);
    }
}

} // namespace xlp::cache
