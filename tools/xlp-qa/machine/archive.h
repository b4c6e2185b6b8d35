// SPDX-License-Identifier: GPL-2.0-only
// Compressed files in, "newc" cpio archives out (Linux: Documentation/driver-api/early-userspace/
// buffer-format.rst). The same format serves for the initramfs and for the disk on which a run's
// files reach the guest.
#pragma once

#include "payload/base/result.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace xlp::qa {

// Undoes gzip, xz, zstd, lz4, bzip2, lzma or lzop; bytes that are none of these come back as they
// are. Output beyond `limit` bytes is an error. `name` is for the finding: `qa.corrupt` (bad
// input).
Result<std::string> decompress(std::string_view bytes, const std::string& name,
                               std::size_t limit = 512u << 20);

// A member of an archive. `mode` has the file type: S_IFREG, S_IFDIR, S_IFLNK (target in `data`)
// or S_IFCHR (numbers in `major`, `minor`).
struct Member {
    std::string path; // without leading slash
    std::uint32_t mode = 0;
    std::string data;
    std::uint32_t major = 0;
    std::uint32_t minor = 0;
};

Member regular_file(std::string path, std::string data, bool executable = false);
Member symbolic_link(std::string path, std::string target);
Member device_node(std::string path, std::uint32_t major, std::uint32_t minor);

// Folders that members lie in are added, each once, before their content; all times and owners are
// zero, so that the same members give the same bytes.
std::string cpio_archive(const std::vector<Member>&);

} // namespace xlp::qa
