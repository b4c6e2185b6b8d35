// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-qa/files.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <memory>
#include <openssl/evp.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace xlp::qa {

namespace {

Finding unreadable(const fs::path& path, int error) {
    return bad_input("qa.unreadable", fmt::format("The file cannot be read: {}.", strerror(error)),
                     "Check the path and its permissions.", {path.string(), {}, {}, 0});
}

Finding unwritable(const fs::path& path, int error) {
    return environment(
        "qa.unwritable", fmt::format("The file cannot be written: {}.", strerror(error)),
        "Check the folder's permissions and the free space.", {path.string(), {}, {}, 0});
}

bool write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        ssize_t n = write(fd, bytes.data(), bytes.size());
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
}

} // namespace

Result<std::string> read_file(const fs::path& path) {
    Descriptor f(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (f.get() < 0)
        return fail(unreadable(path, errno));
    struct stat st {};
    if (fstat(f.get(), &st) != 0)
        return fail(unreadable(path, errno));
    if (!S_ISREG(st.st_mode))
        return fail(unreadable(path, S_ISDIR(st.st_mode) ? EISDIR : EINVAL));
    std::string bytes(static_cast<std::size_t>(st.st_size), '\0');
    std::size_t done = 0;
    while (done < bytes.size()) {
        ssize_t n = read(f.get(), bytes.data() + done, bytes.size() - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail(unreadable(path, errno));
        if (n == 0)
            break;
        done += static_cast<std::size_t>(n);
    }
    bytes.resize(done);
    return bytes;
}

Result<void> write_file(const fs::path& path, std::string_view bytes) {
    std::string temporary = path.string() + ".XXXXXX";
    Descriptor f(mkostemp(temporary.data(), O_CLOEXEC));
    if (f.get() < 0)
        return fail(unwritable(path, errno));
    mode_t mask = umask(0); // mkstemp makes 0600; the result is an ordinary file
    umask(mask);
    if (!write_all(f.get(), bytes) || fchmod(f.get(), 0666 & ~mask) != 0
        || rename(temporary.c_str(), path.c_str()) != 0) {
        int error = errno;
        unlink(temporary.c_str());
        return fail(unwritable(path, error));
    }
    return {};
}

std::string content_key(std::initializer_list<std::string_view> parts) {
    std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> ctx(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
    EVP_DigestInit_ex(ctx.get(), EVP_sha256(), nullptr);
    for (std::string_view part : parts) {
        std::string length = fmt::format("{}:", part.size());
        EVP_DigestUpdate(ctx.get(), length.data(), length.size());
        EVP_DigestUpdate(ctx.get(), part.data(), part.size());
    }
    unsigned char digest[EVP_MAX_MD_SIZE];
    EVP_DigestFinal_ex(ctx.get(), digest, nullptr);
    std::string hex;
    for (int i = 0; i < 16; ++i)
        hex += fmt::format("{:02x}", digest[i]);
    return hex;
}

Result<std::optional<FileLock>> FileLock::try_take(const fs::path& path) {
    Descriptor file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
    if (file.get() < 0)
        return fail(unwritable(path, errno));
    if (flock(file.get(), LOCK_EX | LOCK_NB) == 0)
        return FileLock(std::move(file));
    if (errno == EWOULDBLOCK || errno == EINTR)
        return std::optional<FileLock>();
    return fail(unwritable(path, errno));
}

Result<Cache> Cache::open(fs::path root) {
    if (root.empty()) {
        if (const char* xdg = getenv("XDG_CACHE_HOME"); xdg && *xdg == '/')
            root = fs::path(xdg) / "xlp";
        else if (const char* home = getenv("HOME"); home && *home)
            root = fs::path(home) / ".cache" / "xlp";
        else
            return fail(environment("qa.no_cache", "There is no home folder for the cache.",
                                    "Give one with --cache DIR."));
    }
    std::error_code error;
    fs::create_directories(root, error);
    if (error)
        return fail(unwritable(root, error.value()));
    return Cache(fs::absolute(root));
}

fs::path Cache::path(std::string_view kind, std::string_view key) const {
    return root_ / fmt::format("{}-{}", kind, key);
}

Result<fs::path> Cache::obtain(std::string_view kind, std::string_view key,
                               const std::function<Result<std::string>()>& produce) const {
    fs::path file = path(kind, key);
    std::error_code error;
    if (fs::exists(file, error)) {
        fs::last_write_time(file, fs::file_time_type::clock::now(),
                            error); // used: prune() reads it
        return file;
    }
    auto bytes = produce();
    if (!bytes)
        return fail(bytes.error());
    if (auto written = write_file(file, *bytes); !written)
        return fail(written.error());
    return file;
}

void Cache::prune(std::string_view kind, std::size_t keep) const {
    const auto recent = fs::file_time_type::clock::now() - std::chrono::hours(1);
    std::vector<std::pair<fs::file_time_type, fs::path>> found;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(root_, error)) {
        std::error_code e;
        const std::string name = entry.path().filename();
        if (name.starts_with(fmt::format("{}-", kind)) && entry.is_regular_file(e))
            found.emplace_back(entry.last_write_time(e), entry.path());
    }
    std::sort(found.rbegin(), found.rend());
    for (std::size_t i = keep; i < found.size(); ++i)
        if (found[i].first < recent)
            fs::remove(found[i].second, error);
}

void Cache::sweep() const {
    // between its making and its locking, a folder is very young
    const auto settled = fs::file_time_type::clock::now() - std::chrono::minutes(1);
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(root_, error)) {
        std::error_code e;
        if (!entry.path().filename().string().starts_with("run-") || !entry.is_directory(e)
            || entry.last_write_time(e) > settled)
            continue;
        Descriptor folder(::open(entry.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (folder.get() >= 0 && flock(folder.get(), LOCK_EX | LOCK_NB) == 0)
            fs::remove_all(entry.path(), e);
    }
}

Result<ScratchFolder> ScratchFolder::make(const fs::path& parent) {
    std::string name = (parent / "run-XXXXXX").string();
    if (!mkdtemp(name.data()))
        return fail(unwritable(name, errno));
    Descriptor lock(open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (lock.get() >= 0)
        flock(lock.get(), LOCK_EX | LOCK_NB); // without, it is only swept too early
    return ScratchFolder(name, std::move(lock));
}

ScratchFolder::~ScratchFolder() {
    std::error_code ignored;
    if (!path_.empty())
        fs::remove_all(path_, ignored);
}

} // namespace xlp::qa
