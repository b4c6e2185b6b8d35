// SPDX-License-Identifier: GPL-2.0-only
// From what should be in effect and what is to the operations that lead there. Pure: nothing is
// asked or changed.
//
// A host is never weakened by it: what is in effect is taken out only when the store is whole and
// something that contains its fixes takes its place, unless an explicit word says otherwise.
#pragma once

#include "payload/base/result.h"
#include "tools/xlp/plan/choose.h"
#include "tools/xlp/plan/plan.h"
#include "tools/xlp/plan/situation.h"

#include <string>
#include <vector>

namespace xlp::host {

struct Wishes {
    bool prune = false;     // an explicit word: take out of effect what the store does not have
    bool downgrade = false; // another: go back to what a running payload supersedes
    bool replace = true;    // exchange a whole stack in one step; else revert it one by one
};

struct Decision {
    // One after the other, each as a whole or not at all; the host is at no less after each. None:
    // nothing is to be done.
    std::vector<Plan> stages;
    Findings findings; // store.*: why nothing is done, or what is done against the rule
};

// What the choice refers to must outlive the decision. Errors are in `findings`, and nothing is
// to be done then.
Decision decide(const Stack&, const Choice&, const Offer&, const Wishes&);

// Advisories that these payloads fix as a whole.
std::set<std::string> fixed_by(const std::vector<const manifest::Manifest*>&);

} // namespace xlp::host
