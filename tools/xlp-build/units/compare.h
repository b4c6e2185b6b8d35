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
// words, scopes aside, so a unit is rather taken as affected than missed. Each member of an
// enumeration counts as a declaration of its own, and so does a constant that assembly at file
// scope defines: lists of such grow with every other fix.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace xlp::build {

struct Effect {
    bool affects = false;
    std::vector<std::string> names; // what differs and is reached; at most a few
};

Effect compare_declarations(std::string_view original, std::string_view patched);

} // namespace xlp::build
