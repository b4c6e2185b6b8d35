// SPDX-License-Identifier: GPL-2.0-only
// What the model says of a case, and whether the real hypervisor can be held to it.
#pragma once

#include "payload/load/model.h"
#include "tests/nested/differential/cases.h"

namespace xlp::differential {

struct Prediction {
    load::Answer upload, apply, revert;
    // The case is applied only if what then runs is known: hooks that are the sample's, and jumps
    // in the two functions that the sample is made for.
    bool applied = false;
    std::vector<std::string> errors; // codes of the findings

    bool fatal() const {
        return upload.outcome == load::Outcome::fatal
               || (applied
                   && (apply.outcome == load::Outcome::fatal
                       || revert.outcome == load::Outcome::fatal));
    }
};

Prediction predict(const Case&, const sample::Target&, const xen::Image&, const std::string& name);

} // namespace xlp::differential
