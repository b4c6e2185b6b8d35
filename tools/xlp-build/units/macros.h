// SPDX-License-Identifier: GPL-2.0-only
// Assembly text compared by what it defines: macros (.macro to .endm) and constants (.equ, .set),
// which make nothing by themselves, and the rest, which does.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>

namespace xlp::build {

struct AssemblyChanges {
    std::set<std::string> names; // macros and constants that differ, and macros that use such
    bool rest = false;           // something else differs
};

AssemblyChanges compare_assembly(std::string_view original, std::string_view patched);

// Whether one of `names` occurs as a word, also within string literals.
bool mentions(std::string_view text, const std::set<std::string>& names);

// The text outside of macros and constants.
std::string assembly_rest(std::string_view text);

// "NAME" of ".equ NAME, value" or ".set NAME, value" and nothing else; or empty.
std::string_view constant_name(std::string_view line);

} // namespace xlp::build
