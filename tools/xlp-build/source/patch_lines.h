// SPDX-License-Identifier: GPL-2.0-only
// Where the lines of a patched file were before, and sources whose lines keep their old numbers.
#pragma once

#include "payload/base/result.h"
#include "tools/xlp-build/source/patch.h"

#include <filesystem>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace xlp::build {

// Lines of patched files to those of the originals. Paths are relative to xen/, as compilers of
// these trees know them ("common/domain.c"); a leading "./" does not matter.
class LineMap {
public:
    // `hunks` without context lines, in order.
    void add(const std::string& file, std::vector<Hunk> hunks);
    // The original number of a patched line; nothing for a line that is new or changed.
    std::optional<unsigned> original(std::string_view file, unsigned patched_line) const;
    // Whether any line of the file has another number than before.
    bool moves(std::string_view file) const;
    bool empty() const { return files_.empty(); }

private:
    std::map<std::string, std::vector<Hunk>, std::less<>> files_;
};

// The differences between two files as hunks without context, by diff(1).
Result<std::vector<Hunk>> compare_files(const std::filesystem::path& original,
                                        const std::filesystem::path& patched,
                                        const std::stop_token&);

// `patched` with "#line N" after each of `hunks` (without context), so that the lines that follow
// have the original's numbers. A directive goes only where C takes one without a change of meaning:
// not inside a comment, a continued line, a string, or parentheses; from the hunk's end the next
// such place is taken, and none when the next hunk comes first.
std::string with_stable_lines(std::string_view patched, const std::vector<Hunk>& hunks);

} // namespace xlp::build
