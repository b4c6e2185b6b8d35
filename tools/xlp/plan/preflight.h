// SPDX-License-Identifier: GPL-2.0-only
// What can be said against a payload before the hypervisor is handed it, in better words than
// EINVAL. Everything wrong is said at once.
#pragma once

#include "payload/base/result.h"
#include "tools/xlp/hypervisor/hypervisor.h"
#include "tools/xlp/hypervisor/init_code.h"
#include "tools/xlp/plan/bundle.h"

#include <optional>
#include <string>
#include <vector>

namespace xlp::host {

// What is known of the host that a payload is to go to.
struct Situation {
    Identity xen;
    struct Below {                  // a payload that is there already, or will be by then
        std::string name, build_id; // the id is empty when nobody knows it
        bool applied = false;
    };
    std::vector<Below> payloads;       // applied ones in the order of their application
    bool order_known = true;           // false: another tool applied something unknown
    bool nodeps = false;               // the dependency within the stack is not to be checked
    std::optional<InitCode> init = {}; // nothing where dom0 cannot tell
};

// The one check that also guards what is uploaded by the name of xen-livepatch: of such a payload
// the hypervisor says nothing, and dies. `preflight.init`.
Findings replaces_init_code(const elf::Object& payload, const std::optional<InitCode>&,
                            const Where&);

// Findings preflight.*; errors are refusals. `name`: what it will be uploaded as.
Findings preflight(const Bundle&, const std::string& name, const Situation&);

} // namespace xlp::host
