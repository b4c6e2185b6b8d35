// SPDX-License-Identifier: GPL-2.0-only
// Which variable of the original may a new one stand for?
#pragma once

#include "payload/diff/program.h"

#include <string>
#include <vector>

namespace xlp::diff {

// Variables of the original that the new one may be, by the hypervisor's names: of the same name in
// its unit (a static local whose function was split, one more of that name), or of the same name in
// another unit that lost it, or of the same size that its own unit lost (renamed).
std::vector<std::string> predecessors(const Program&, const Unit&, const atom::Atom& added);

} // namespace xlp::diff
