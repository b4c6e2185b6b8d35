// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/disk/reserve.h"

#include "tools/xlp/disk/state.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>

namespace xlp::host {
namespace {

namespace fs = std::filesystem;

// The largest record is settled.json, 300 KiB when it is full, and a new one is written beside it.
constexpr std::size_t whole_reserve = 512U << 10, least_reserve = 32U << 10;

bool found_no_room(const Findings& why, const fs::path& path) {
    return std::any_of(why.begin(), why.end(), [&](const Finding& f) {
        return f.why == unwritable(path, ENOSPC).why || f.why == unwritable(path, EDQUOT).why;
    });
}

// Bytes that no file system makes smaller.
std::string incompressible(std::size_t size) {
    std::string bytes(size, '\0');
    std::uint64_t x = 88172645463325252U; // xorshift
    for (char& c : bytes) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        c = static_cast<char>(x >> 32);
    }
    return bytes;
}

// What an xlp that was killed while it wrote a record left of it. We hold the host's lock, so
// nobody is writing.
void remove_unfinished(const Paths& paths) {
    const std::array records{paths.trial(),   paths.held(),    paths.hold_words(),
                             paths.settled(), paths.serials(), paths.last_sync(),
                             paths.reserve()};
    std::error_code ec;
    for (const auto& e : fs::directory_iterator(paths.state(), ec))
        for (const fs::path& record : records)
            if (e.path().string().starts_with(record.string() + std::string(unfinished_mark)))
                (void)remove_file(e.path()); // it only takes room
}

} // namespace

Result<void> put_record(const Paths& paths, const fs::path& file, const Json& j) {
    auto done = put_json(file, j);
    if (done || !found_no_room(done.error(), file) || !has_reserve(paths))
        return done;
    if (!remove_file(paths.reserve()))
        return done;
    return put_json(file, j);
}

bool has_reserve(const Paths& paths) {
    std::error_code ec;
    return fs::exists(paths.reserve(), ec);
}

Findings keep_reserve(const Paths& paths) {
    std::error_code ec;
    const auto there = fs::file_size(paths.reserve(), ec);
    const std::size_t kept = ec ? 0 : static_cast<std::size_t>(there);
    remove_unfinished(paths);
    for (std::size_t size = whole_reserve; size >= least_reserve && size > kept; size /= 4) {
        auto made = put(paths.reserve(), incompressible(size), {.mode = 0600});
        if (made && size == whole_reserve)
            return {};
        if (made)
            break;
        if (!found_no_room(made.error(), paths.reserve())) {
            for (Finding& f : made.error())
                f.severity = Severity::warning;
            return std::move(made.error());
        }
    }
    return kept >= whole_reserve ? Findings() : Findings{no_room(paths)};
}

Finding no_room(const Paths& paths) {
    return warning("host.no-room",
                   "The file system is full. xlp keeps a reserve there for its records; it is "
                   "used up, or cannot be made whole. Without room for its records, `xlp sync' "
                   "applies nothing.",
                   "Free up space on that file system. The next xlp makes the reserve again.",
                   {paths.reserve(), {}, {}, 0});
}

} // namespace xlp::host
