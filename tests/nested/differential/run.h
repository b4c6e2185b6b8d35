// SPDX-License-Identifier: GPL-2.0-only
// Cases on a real hypervisor: many on one machine as long as it lives, and what came of each.
#pragma once

#include "tests/nested/differential/prediction.h"
#include "tools/xlp-qa/scenario/testbed.h"

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

struct Comparison {
    const Tried* tried = nullptr;
    Observed seen;
    std::string difference; // how reality differs from the prediction; empty if it does not
};

// Functions of the hypervisor that the sample can be made for, which nothing calls unasked.
Result<sample::Target> target_of(const xen::Image&);

// All cases; small: those for CI.
Cases all_cases(const sample::Target&, unsigned seed, unsigned random);

// With the model's predictions. `match`: part of the name.
std::vector<Tried> predicted(const Cases&, const xen::Image&, bool reduced,
                             std::string_view match = {});

// Those that shall die run each alone, the others by the dozen; after a death the rest goes on
// on a fresh machine.
Result<std::vector<Comparison>> compare(const qa::Testbed&, const std::vector<Tried>&,
                                        unsigned jobs);

} // namespace xlp::differential
