// SPDX-License-Identifier: GPL-2.0-only
// From what the store has and what the hypervisor runs to a plan. Pure: nothing is asked or
// changed.
#pragma once

#include "payload/base/result.h"
#include "tools/xlp/plan/bundle.h"
#include "tools/xlp/plan/plan.h"
#include "tools/xlp/plan/situation.h"

#include <string>
#include <vector>

namespace xlp::host {

struct Wishes {
    bool prune = false;  // take out of effect what the store does not have
    bool replace = true; // exchange a whole stack in one step; else revert it one by one
};

struct Decision {
    std::vector<const Bundle*> target; // what should be applied, bottom first
    Plan plan;                         // how to get there; no steps: it is so already
    Findings findings;                 // what was left out, and why (store.*)
};

// The stack that the candidates make on this hypervisor: those that another one supersedes are left
// out; where two stack on the same below and neither supersedes the other, that is an error.
Result<std::vector<const Bundle*>> choose(const std::vector<Bundle>& candidates,
                                          const std::string& xen_build_id, Findings& findings);

// `candidates` must outlive the decision. Fails when the host runs something unknown that is in the
// way: other tools' payloads are not taken down.
Result<Decision> decide(const Stack&, const std::vector<Bundle>& candidates, const Identity&,
                        const Wishes&);

} // namespace xlp::host
