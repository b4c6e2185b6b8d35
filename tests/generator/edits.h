// SPDX-License-Identifier: GPL-2.0-only
// Edits that a patch may make to a program.
#pragma once

#include "program.h"
#include "random.h"

#include <string>

namespace xlp::generator {

// Makes one edit and gives its kind ("move function"); empty if none could be made.
std::string edit(Random&, Program&);
// The same of a given kind.
std::string edit(Random&, Program&, const std::string& kind);

const std::vector<std::string>& edit_kinds();

} // namespace xlp::generator
