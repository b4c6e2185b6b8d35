// SPDX-License-Identifier: GPL-2.0-only
// Two sequences side by side: the shortest edit script (Myers, 1986).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace xlp::report {

// A row of the picture: indices into the sequences; one side is missing where they differ.
struct Row {
    std::optional<std::size_t> left, right;
};

// Sequences that differ in more than `max_edits` places are shown one after the other: the time and
// memory taken grow with its square.
std::vector<Row> align(const std::vector<std::string>& left, const std::vector<std::string>& right,
                       std::size_t max_edits = 2000);

} // namespace xlp::report
