// SPDX-License-Identifier: GPL-2.0-only
// Preprocessed C taken apart into the declarations at file scope, as far as units_compare.h needs:
// which names each gives and uses, and whether it makes code or data by itself.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace xlp::build {

// A pointer within a structure. What it points at matters to a unit only if the unit names it.
struct PointerMember {
    std::string_view name;
    std::vector<std::string_view> uses;
};

// One declaration at file scope, or one member of an enumeration. The views point into the text
// that was split, or into ParsedUnit::made.
struct Declaration {
    std::string text;                       // its tokens, one blank between them
    std::vector<std::string_view> declares; // names that it gives
    // The identifiers in it, without the names of members, and without the pointers among the
    // parameters of a mere prototype: who looks behind such a pointer has it from elsewhere too.
    std::vector<std::string_view> uses;
    std::vector<PointerMember> pointers;
    bool root = false; // makes code or data whoever uses it, or is not understood
};

struct ParsedUnit {
    std::vector<Declaration> declarations;
    std::deque<std::string> made; // names that stand in no one place of the text
};

// Splits preprocessed C, as of `cpp -P`; `text` must outlive the result.
ParsedUnit split_declarations(std::string_view text);

} // namespace xlp::build
