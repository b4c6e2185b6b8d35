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
    std::optional<InitCode> init = {}; // empty if dom0 does not show the hypervisor's symbols
};

// What the hypervisor accepts without a word although it must not be applied: code that is gone
// (`preflight.init`), hooks that this Xen does not run (`preflight.hooks`). Checked for every
// upload, also under the name xen-livepatch, and not overridden by --force.
Findings check_silent_faults(const elf::Object& payload, const Identity&,
                             const std::optional<InitCode>&, const Where&);
inline bool is_silent_fault(const Finding& f) {
    return f.code == "preflight.init" || f.code == "preflight.hooks";
}

// Findings preflight.*; errors are refusals. `name`: what it will be uploaded as.
Findings preflight(const Bundle&, const std::string& name, const Situation&);

} // namespace xlp::host
