// SPDX-License-Identifier: GPL-2.0-only
// What is to be done on a machine, and what came of it.
#pragma once

#include "payload/base/result.h"
#include "tools/xlp-qa/machine/archive.h"
#include "tools/xlp-qa/scenario/death.h"

#include <optional>
#include <string>
#include <vector>

namespace xlp::qa {

// One thing to do in dom0.
struct Step {
    std::string name;      // for people: "apply fix"
    std::string verb;      // for programs: "apply", "probe"
    std::string subject;   // payload's name, or the probe's state
    std::string command;   // for sh; $XLP is the tool, the scenario's files lie below /xlp
    bool essential = true; // when it fails, the steps after it are left out
};

struct Scenario {
    std::vector<Member> files; // paths from the root
    std::vector<Step> steps;
};

enum class Verdict { passed, failed, skipped, died };
const char* to_string(Verdict);

struct StepResult {
    Step step;
    Verdict verdict = Verdict::skipped;
    int exit_code = -1;                // -1: it did not end
    int error_number = 0;              // the errno that the tool's output names; 0: none
    double seconds = 0;                // wall clock
    std::string output;                // stdout and stderr of the command
    std::vector<std::string> log;      // what the hypervisor said meanwhile, without "(XEN) "
    std::vector<std::string> dom0_log; // what the dom0 kernel said meanwhile
};

struct Outcome {
    bool restored = false;         // from a saved state
    std::string running_build_id;  // as the hypervisor itself says; empty when it never came up
    std::vector<StepResult> steps; // the first is "boot"
    std::optional<Death> death;    // the machine's end, unless we ended it
    std::string serial;            // all of the serial line
    double seconds = 0;
    Findings notes; // warnings about the way, not about the payload

    bool passed() const;
};

} // namespace xlp::qa
