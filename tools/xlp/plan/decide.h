// SPDX-License-Identifier: GPL-2.0-only
// Computes the operations that lead from what is applied to what should be. Pure: it queries and
// changes nothing.
//
// It never weakens a host: a payload is reverted only if the store is complete and another payload
// that contains its fixes replaces it, unless an explicit option says otherwise.
#pragma once

#include "payload/base/result.h"
#include "tools/xlp/plan/choose.h"
#include "tools/xlp/plan/plan.h"
#include "tools/xlp/plan/situation.h"

#include <string>
#include <vector>

namespace xlp::host {

struct Wishes {
    bool prune = false;     // explicit option: revert what the store does not have
    bool downgrade = false; // explicit option: go back to what an applied payload supersedes
    bool replace = true;    // replace a whole stack in one step; else revert it one by one
};

struct Decision {
    // Run in order, each completely or not at all; none leaves the host weaker. None: there is
    // nothing to do.
    std::vector<Plan> stages;
    Findings findings; // store.*: why nothing is done, or what is done against the rule
};

// What the choice refers to must outlive the decision. Errors are in `findings`, and nothing is
// to be done then.
Decision decide(const Stack&, const Choice&, const Offer&, const Wishes&);

// Advisories that these payloads fix as a whole.
std::set<std::string> fixed_by(const std::vector<const manifest::Manifest*>&);

} // namespace xlp::host
