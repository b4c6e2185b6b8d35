// SPDX-License-Identifier: GPL-2.0-only
// Unified diffs: reading them, choosing the files that concern the hypervisor, applying them
// exactly.
#pragma once

#include "payload/base/result.h"

#include <filesystem>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace xlp::build {

// "@@ -old_start,old_count +new_start,new_count @@"; lines count from 1. As in diff's output, a
// start with a count of 0 names the line before.
struct Hunk {
    unsigned old_start = 0, old_count = 0;
    unsigned new_start = 0, new_count = 0;

    bool operator==(const Hunk&) const = default;
};

// What a patch does to one file.
struct FilePatch {
    std::string old_path; // the first component stripped (-p1); empty: the file is new
    std::string new_path; // empty: the file is removed
    std::vector<Hunk> hunks;
    bool binary = false;
    std::string text;                 // its whole section of the patch
    std::string old_given, new_given; // the paths of its `---' and `+++' lines, nothing stripped

    const std::string& path() const { return new_path.empty() ? old_path : new_path; }
};

// Errors: `patch.malformed` (with the line), `patch.empty`.
Result<std::vector<FilePatch>> parse_patch(std::string_view text, const std::string& name);

// Patches made with `-p0' or `--no-prefix', by what the source has: their paths become like those
// of other patches. Errors: `patch.paths' for a patch none of whose files is there under any number
// of leading folders, or that was made within a folder of the source.
Result<void> settle_paths(std::vector<FilePatch>&, const std::string& name,
                          const std::filesystem::path& source);

// Only the hunks of a unified diff's text, of whichever files.
std::vector<Hunk> parse_hunks(std::string_view text);

// The kinds of file that matter for what has to be rebuilt.
enum class FileKind {
    c_source,
    header,
    assembly,
    build,
    other_arch,
    linker_script,
    other,
    outside
};

// Of a path relative to the tree's root, for an x86 hypervisor. `build` are Makefiles, Kconfig and
// generators; `outside` is whatever is not below xen/.
FileKind kind_of(std::string_view path);

// Applies `files` to `tree` with patch(1), without fuzz. Notes say where a hunk applied at an
// offset. Errors: `patch.already-applied`, `patch.does-not-apply` for each hunk that fails; `tree`
// is then to be thrown away.
Result<Findings> apply_patch(const std::vector<FilePatch>& files, const std::string& name,
                             const std::filesystem::path& tree, const std::stop_token& stop);

} // namespace xlp::build
