// SPDX-License-Identifier: GPL-2.0-only
// Is this host protected? Compares what is applied with what the index for its build requires and
// what the store has. Pure.
#pragma once

#include "payload/manifest/index.h"
#include "tools/xlp/plan/bundle.h"
#include "tools/xlp/plan/situation.h"

#include <optional>
#include <string>
#include <vector>

namespace xlp::host {

// Where the host stands on one advisory.
struct Standing {
    enum class State { safe, open, reboot, unknown };
    std::string advisory;
    std::vector<std::string> cves;
    State state = State::unknown;
    std::string how; // "fixed in this build", "fixed by xsa-1", "needs xsa-2", ...
};
const char* to_string(Standing::State);

struct Evidence {
    const manifest::Index* index = nullptr; // null: there is no trustworthy one
    bool current = false;                   // it has not expired
    std::vector<const Bundle*> target = {}; // what the store would apply (choose.h)
    std::vector<const Bundle*> unreachable = {};
    std::size_t rejected = 0; // files in the store that cannot be used
    bool ambiguous = false;
};

struct Assessment {
    // Yes: everything that the index requires is applied, and nothing in the store is in doubt.
    // No value: unknown.
    std::optional<bool> is_protected;
    std::vector<Standing> standings; // by advisory
    std::vector<std::string> fixed;  // advisories, by the applied payloads
    std::vector<std::string> fixed_cves;
    std::vector<std::string> open;      // advisories that a payload, or a reboot, would fix
    std::vector<std::string> reboot;    // of these, those that need another hypervisor
    std::vector<const Bundle*> missing; // chosen from the store, but not applied
    std::vector<std::string> elsewhere; // advisories that the store has only for other
                                        // hypervisors: whether they affect this one is unknown
    std::vector<std::string> doubts;    // why the status is unknown: whole sentences
    const Standing* find(const std::string& advisory) const;
};

Assessment assess(const Stack&, const Evidence&,
                  const std::vector<manifest::Manifest>& whole_store);

} // namespace xlp::host
