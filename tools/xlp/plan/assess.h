// SPDX-License-Identifier: GPL-2.0-only
// Is this host protected? What runs, held against what the store has. Pure.
#pragma once

#include "tools/xlp/plan/bundle.h"
#include "tools/xlp/plan/situation.h"

#include <optional>
#include <string>
#include <vector>

namespace xlp::host {

struct Assessment {
    // Yes: every payload that the store chooses for this hypervisor is in effect, itself or by one
    // that supersedes it. Nothing: the store has none for it, so nobody can tell.
    std::optional<bool> is_protected;
    std::vector<std::string> fixed; // advisories, by the payloads in effect
    std::vector<std::string> fixed_cves;
    std::vector<const Bundle*> missing; // chosen, and not in effect
    std::vector<std::string> open;      // advisories of those, not fixed otherwise
    std::vector<std::string> elsewhere; // advisories that the store knows for other
                                        // hypervisors only: whether they concern this one
                                        // is not known
};

// `target`: what choose() (decide.h) took of the store; must outlive the assessment.
Assessment assess(const Stack&, const std::vector<const Bundle*>& target,
                  const std::vector<manifest::Manifest>& whole_store);

// The text of a textfile collector (node_exporter): metrics xlp_*.
std::string prometheus(const Assessment&, const Stack&, const Identity&);
std::string prometheus_down(); // the hypervisor could not be asked

} // namespace xlp::host
