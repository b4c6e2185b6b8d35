// SPDX-License-Identifier: GPL-2.0-only
// The text of a textfile collector (node_exporter): metrics xlp_*.
#pragma once

#include "tools/xlp/disk/last_sync.h"
#include "tools/xlp/plan/assess.h"

#include <optional>
#include <string>

namespace xlp::host {

struct Vitals {
    const Assessment& assessment;
    const Stack& stack;
    const Identity& xen;
    std::size_t store_errors = 0; // payloads of the store that cannot be used, or not be reached
    bool crashed = false;         // payloads are held back because the host went down
    bool interrupted = false;     // an operation did not end
    std::size_t went_down = 0;    // settled payloads with one unclean end
    std::size_t held = 0, on_trial = 0;
    const manifest::Index* index = nullptr;
    std::optional<LastSync> last_sync = {};
};

std::string prometheus(const Vitals&);
std::string prometheus_down(); // the hypervisor could not be asked

} // namespace xlp::host
