// SPDX-License-Identifier: GPL-2.0-only
// Is this host protected? What runs, held against what the index of its build asks for and what the
// store has. Pure.
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
    const manifest::Index* index = nullptr; // null: none that is to be believed
    bool current = false;                   // it is valid still
    std::vector<const Bundle*> target = {}; // what the store would put into effect (choose.h)
    std::vector<const Bundle*> unreachable = {};
    std::size_t rejected = 0; // files of the store that could not be taken
    bool ambiguous = false;
};

struct Assessment {
    // Yes: everything that the index asks for is in effect, and nothing in the store is in doubt.
    // Nothing: nobody can tell.
    std::optional<bool> is_protected;
    std::vector<Standing> standings; // by advisory
    std::vector<std::string> fixed;  // advisories, by the payloads in effect
    std::vector<std::string> fixed_cves;
    std::vector<std::string> open;      // advisories that a payload, or a reboot, would mend
    std::vector<std::string> reboot;    // of these, those that need another hypervisor
    std::vector<const Bundle*> missing; // chosen from the store, and not in effect
    std::vector<std::string> elsewhere; // advisories that the store knows for other hypervisors
                                        // only: whether they concern this one is not known
    std::vector<std::string> doubts;    // why nobody can tell: whole sentences
    const Standing* find(const std::string& advisory) const;
};

Assessment assess(const Stack&, const Evidence&,
                  const std::vector<manifest::Manifest>& whole_store);

} // namespace xlp::host
