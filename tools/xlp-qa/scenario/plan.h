// SPDX-License-Identifier: GPL-2.0-only
// What a payload, or a stack of payloads, has to live through: the scenario of `xlp-qa run`.
#pragma once

#include "tools/xlp-qa/scenario/inmates.h"
#include "tools/xlp-qa/scenario/testbed.h"

namespace xlp::qa {

struct Payload {
    std::string name; // as the hypervisor shall know it
    std::string bytes;
};

struct Plan {
    std::vector<Payload> payloads; // in the order of application, the lowest first
    unsigned cycles = 2;           // apply and revert, so often
    fs::path probe;                // run in each state: before, applied, reverted; may be empty
    std::vector<fs::path> files;   // go to /xlp/files, where the probe runs
    std::vector<Inmate> inmates;   // live beside dom0 from before the first step to the last
};

// Upload and apply each payload, probe, revert in reverse order, probe; then apply and revert again
// until the cycles are done, a payload that brings writable data uploaded anew each time; unload
// all. Errors: bad input for unreadable probe or files, usage for names that cannot be.
Result<Scenario> make_scenario(const Plan&);

// Single steps, for scenarios of one's own. `file` is the path in the guest.
Step upload_step(const std::string& name, const std::string& file);
Step operation_step(const std::string& verb, const std::string& name); // apply, revert, unload, ...
// The same by the name xen-livepatch: whatever the file holds reaches the hypervisor as it is, and
// the output has the errno. `file` for "upload" only.
Step raw_step(const std::string& verb, const std::string& name, const std::string& file = {});
std::string guest_path(std::size_t payload); // where make_scenario puts payload number N

// "dir/fix.livepatch" is called "fix".
std::string payload_name(const fs::path& file);

} // namespace xlp::qa
