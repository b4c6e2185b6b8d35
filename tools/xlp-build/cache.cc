// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-build/cache.h"

#include "tools/xlp-build/process.h"
#include "tools/xlp-build/tree.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <sys/file.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace xlp::build {

namespace fs = std::filesystem;

namespace {

constexpr const char* complete_mark = ".complete";

Finding unusable(const fs::path& path, int error) {
    return environment(
        "cache.unusable", fmt::format("The cache cannot be written to: {}.", std::strerror(error)),
        "Name a folder that can be written to with --cache.", {.file = path.string()});
}

} // namespace

struct Hash::State {
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    ~State() { EVP_MD_CTX_free(context); }
};

Hash::Hash() : state_(std::make_unique<State>()) {
    EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr);
}

Hash::~Hash() = default;

void Hash::add(std::string_view data) {
    const std::uint64_t size = data.size();
    EVP_DigestUpdate(state_->context, &size, sizeof size);
    EVP_DigestUpdate(state_->context, data.data(), data.size());
}

std::string Hash::hex() {
    std::array<unsigned char, 32> digest{};
    EVP_DigestFinal_ex(state_->context, digest.data(), nullptr);
    std::string text;
    for (unsigned char byte : digest)
        text += fmt::format("{:02x}", byte);
    return text;
}

std::string hash_of(std::string_view data) {
    Hash h;
    h.add(data);
    return h.hex();
}

Result<FileLock> FileLock::take(const fs::path& file, Mode mode, const std::stop_token& stop) {
    std::error_code ec;
    fs::create_directories(file.parent_path(), ec);
    if (ec)
        return fail(unusable(file.parent_path(), ec.value()));
    int fd = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0)
        return fail(unusable(file, errno));
    FileLock lock(fd);
    if (auto r = lock.change(mode, stop); !r)
        return fail(r.error());
    return lock;
}

Result<void> FileLock::change(Mode mode, const std::stop_token& stop) {
    while (flock(fd_, (mode == Mode::shared ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return fail(environment("cache.unusable", fmt::format("The cache cannot be locked: {}.",
                                                                  std::strerror(errno))));
        if (stop.stop_requested())
            return fail(interrupted());
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    return {};
}

FileLock::~FileLock() {
    if (fd_ >= 0)
        close(fd_);
}

bool is_complete(const fs::path& folder) {
    std::error_code ec;
    return fs::exists(folder / complete_mark, ec);
}

Result<Draft> Draft::make(const fs::path& folder) {
    std::error_code ec;
    fs::remove_all(folder, ec);
    fs::create_directories(folder, ec);
    if (ec)
        return fail(unusable(folder, ec.value()));
    return Draft(folder);
}

Draft::~Draft() {
    std::error_code ec;
    if (!path_.empty())
        fs::remove_all(path_, ec);
}

Result<void> Draft::keep() {
    if (auto r = write_file(path_ / complete_mark, ""); !r)
        return r;
    path_.clear();
    return {};
}

fs::path default_cache() {
    if (const char* xdg = getenv("XDG_CACHE_HOME"); xdg && *xdg == '/')
        return fs::path(xdg) / "xlp";
    const char* home = getenv("HOME");
    return fs::path(home && *home ? home : "/tmp") / ".cache/xlp";
}

fs::path lock_of(const fs::path& entry) {
    return entry.string() + ".lock";
}

Result<FileLock> open_entry(const fs::path& entry, const std::stop_token& stop,
                            const std::function<Result<void>()>& make) {
    auto lock = FileLock::take(lock_of(entry), FileLock::Mode::shared, stop);
    while (lock && !is_complete(entry)) {
        if (auto r = lock->change(FileLock::Mode::exclusive, stop); !r)
            return fail(r.error());
        if (!is_complete(entry)) {
            auto draft = Draft::make(entry);
            if (!draft)
                return fail(draft.error());
            if (auto r = make(); !r)
                return fail(r.error());
            if (auto r = draft->keep(); !r)
                return fail(r.error());
        }
        if (auto r = lock->change(FileLock::Mode::shared, stop); !r)
            return fail(r.error());
    }
    std::error_code ec;
    fs::last_write_time(entry, fs::file_time_type::clock::now(), ec);
    return lock;
}

void prune(const fs::path& folder, std::size_t keep) {
    std::error_code ec;
    std::vector<std::pair<fs::file_time_type, fs::path>> entries;
    for (const auto& e : fs::directory_iterator(folder, ec))
        if (e.is_directory(ec) && fs::exists(lock_of(e.path()), ec))
            entries.emplace_back(e.last_write_time(ec), e.path());
    std::sort(entries.rbegin(), entries.rend());
    for (std::size_t i = keep; i < entries.size(); ++i) {
        // a stop that is requested already makes this a try
        std::stop_source no_wait;
        no_wait.request_stop();
        auto lock = FileLock::take(lock_of(entries[i].second), FileLock::Mode::exclusive,
                                   no_wait.get_token());
        if (lock)
            fs::remove_all(entries[i].second, ec);
    }
}

} // namespace xlp::build
