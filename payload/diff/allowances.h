// SPDX-License-Identifier: GPL-2.0-only
// Refusals that the user has taken care of.
#pragma once

#include "payload/base/result.h"

#include <string>
#include <vector>

namespace xlp::diff {

struct Allowances {
    std::vector<std::string> granted; // "code", or "code:name" of the refusal
    // An error that may be allowed, and is.
    bool covers(const Finding&) const;
    // Makes warnings of the errors that are allowed.
    void apply(Findings&) const;
};

} // namespace xlp::diff
