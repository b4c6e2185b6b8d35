// SPDX-License-Identifier: GPL-2.0-only
// Who uses a function, as the patched units have it.
#pragma once

#include "payload/diff/program.h"

#include <set>
#include <string>

namespace xlp::diff {

struct Users {
    std::set<Place> callers;       // functions that call it; a cold part counts as its function
    std::set<std::string> holders; // labels of what keeps its address: code that takes it, data
};

Users users_of(const Program&, Place function);

} // namespace xlp::diff
