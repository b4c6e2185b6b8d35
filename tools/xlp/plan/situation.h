// SPDX-License-Identifier: GPL-2.0-only
// Puts names to build-ids: what the hypervisor lists, joined with what xlp remembers and what the
// store has, in the order in which it was applied.
#pragma once

#include "tools/xlp/disk/records.h"
#include "tools/xlp/hypervisor/hypervisor.h"
#include "tools/xlp/plan/bundle.h"
#include "tools/xlp/plan/preflight.h"

#include <vector>

namespace xlp::host {

// A payload in the hypervisor.
struct Installed {
    Payload payload;
    manifest::Manifest about; // build_id and depends are empty when nobody knows them
    std::string uploaded = {}, applied = {}; // when, UTC; empty when not by this xlp, not applied
    std::string sha256 = {}, signer = {};    // where known
    std::shared_ptr<const Blob> blob = {};   // its bytes, where they are at hand
    // What it is was told by its content: what Xen hands out of it is what was uploaded, or what
    // the store has. Else only its own words speak for it, and it proves nothing.
    bool certain = false;
    bool is_applied() const { return payload.status.state == State::applied; }
    bool known() const { return !about.build_id.empty(); }
};

struct Stack {
    std::vector<Installed> applied; // bottom first; what is unknown comes last
    std::vector<Installed> idle;    // uploaded, without effect
    bool order_known = true;        // each applied payload is known and stacks on the one before

    const Installed* find(const std::string& build_id) const; // applied or idle
};

// `store`: what may be recognised by its `.modinfo` when xlp has no memory of it.
Stack arrange(const std::vector<Payload>&, const Records&, const std::vector<Bundle>& store,
              const Identity&);

Situation situation(const Stack&, const Identity&);

} // namespace xlp::host
