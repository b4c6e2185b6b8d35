// SPDX-License-Identifier: GPL-2.0-only
// Cases on a real hypervisor: many on one machine as long as it lives, and what came of each.
#pragma once

#include "tests/nested/differential/prediction.h"
#include "tools/xlp-qa/testbed.h"

namespace xlp::differential {

struct Tried {
    const Case* test = nullptr;
    std::string name; // of the payload in the hypervisor
    Prediction predicted;
};

// What the hypervisor did; errno 0: done.
struct Observed {
    bool ran = false; // false: the machine died before
    bool died = false;
    std::string death;
    std::optional<int> upload, apply, revert, unload;
    std::vector<std::string> log;
};

// In the order of `cases`. A machine that dies is followed by a fresh one for the rest.
Result<std::vector<Observed>> run(const qa::Testbed&, const std::vector<const Tried*>& cases);

// How reality differs from the prediction; empty if it does not.
std::string difference(const Tried&, const Observed&);

} // namespace xlp::differential
