// SPDX-License-Identifier: GPL-2.0-only
// Whether a difference between two preprocessed units can reach their code.
//
// A header fix is seen by hundreds of units, and matters to a few. The text of a unit, as the
// compiler proper sees it, is a sequence of declarations:
//
//   struct s { int a; };                          says how, makes nothing
//   static inline int get(struct s *p) { ... }    makes code only where used
//   int probe(struct s *p) { return get(p); }     makes code: a root
//
// What differs matters only where a root reaches it through the names that it uses: here a change
// to get() does, one to another inline function of that header does not. Names are compared as
// words, scopes aside, so a unit is rather taken as affected than missed.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace xlp::build {

// One declaration at file scope.
struct Declaration {
    std::string text;                       // its tokens, one blank between them
    std::vector<std::string_view> declares; // names that it gives; views into the parsed text
    std::vector<std::string_view> uses;     // all identifiers in it
    bool root = false; // makes code or data whoever uses it, or is not understood
};

// Splits preprocessed C, as of `cpp -P`. The views point into `text`.
std::vector<Declaration> split_declarations(std::string_view text);

struct Effect {
    bool affects = false;
    std::vector<std::string> names; // what differs and is reached; at most a few
};

Effect compare_declarations(std::string_view original, std::string_view patched);

// The same for assembler macros (.macro to .endm), of which no preprocessor tells who uses them:
// the names of those that differ, and of those that use them. `complete` is false when something
// outside of macros differs.
struct MacroChanges {
    std::set<std::string> names;
    bool complete = true;
};

MacroChanges compare_macros(std::string_view original, std::string_view patched);

// Whether one of `names` occurs as a word, also within string literals.
bool mentions(std::string_view text, const std::set<std::string>& names);

} // namespace xlp::build
