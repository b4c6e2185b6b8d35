// SPDX-License-Identifier: GPL-2.0-only
// Outcomes for people (text), for programs (JSON) and for CI (JUnit XML).
#pragma once

#include "tools/xlp-qa/machine/testbed.h"

#include <nlohmann/json_fwd.hpp>

namespace xlp::qa {

struct NamedOutcome {
    std::string name; // of the payload, or the stack
    Outcome outcome;
};

// One line a step, with the hypervisor's words below it: those of all steps, or, without `all`, of
// the steps that did not pass. Then what the probe said in each state.
std::vector<std::string> text_lines(const Outcome&, bool all);

// One line: "fix  passed" or "fix  failed at apply fix: EINVAL".
std::string summary_line(const NamedOutcome&);

nlohmann::ordered_json to_json(const Outcome&);

// A test suite for each outcome, a test case for each step.
std::string junit_xml(const std::vector<NamedOutcome>&);

// What did not go as it should, as errors that call for exit code 1; empty when all passed.
Findings findings_of(const NamedOutcome&);

} // namespace xlp::qa
