// SPDX-License-Identifier: GPL-2.0-only
// Which atom of the patched object is which of the original one.
#pragma once

#include "payload/atom/module.h"

#include <vector>

namespace xlp::diff {

// Twins are mutual: patched_of[original_of[p]] == p. no_atom where there is none.
struct Correlation {
    std::vector<atom::AtomId> original_of; // by patched atom
    std::vector<atom::AtomId> patched_of;  // by original atom
};

// Correlates the named atoms; nameless ones have no identity and are compared by content.
Correlation correlate(const atom::Module& original, const atom::Module& patched);

} // namespace xlp::diff
