// SPDX-License-Identifier: GPL-2.0-only
// Which atom of the patched object is which of the original one.
#pragma once

#include "payload/atom/module.h"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace xlp::diff {

// A binding by the user: a name of the patched program ("toks", "toks.1") and the name in the
// original that it corresponds to.
struct Bound {
    std::string patched, original;

    // Names may omit the number that the compiler assigns differently in each build.
    bool is_for(std::string_view patched_name, std::string_view original_name) const;
};

// Twins are mutual: patched_of[original_of[p]] == p. no_atom where there is none.
struct Correlation {
    std::vector<atom::AtomId> original_of; // by patched atom
    std::vector<atom::AtomId> patched_of;  // by original atom
    // Functions of the original that are further names of a patched one, by original atom.
    std::map<atom::AtomId, atom::AtomId> merged;
};

// Correlates the named atoms; nameless ones have no identity and are compared by content.
Correlation correlate(const atom::Module& original, const atom::Module& patched,
                      const std::vector<Bound>& bound = {});

} // namespace xlp::diff
