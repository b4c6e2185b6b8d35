// SPDX-License-Identifier: GPL-2.0-only
// Functions that a trampoline must not be written into, because they run, or can be entered, in
// the moment when it is written, or are never entered again.
#pragma once

#include <optional>
#include <string_view>

namespace xlp::match {

struct Forbidden {
    std::string_view code; // of the finding: "trampoline.runs-while-patching"
    std::string_view why;  // full sentence
};

// By the name in Xen's symbol table, with or without its file. Compiler suffixes (.constprop.0,
// .isra.0, .part.0, .cold) do not matter.
std::optional<Forbidden> forbidden(std::string_view name);

} // namespace xlp::match
