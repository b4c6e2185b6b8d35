// SPDX-License-Identifier: GPL-2.0-only
// Outcomes for people (text), for programs (JSON) and for CI (JUnit XML).
#pragma once

#include "tools/xlp-qa/scenario/prove.h"
#include "tools/xlp-qa/scenario/testbed.h"

#include <nlohmann/json_fwd.hpp>
#include <optional>

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

// One line: "the hypervisor died: Xen BUG at a.c:1, at foo+0x1/0x2".
std::string death_line(const Death&);

// Why a step failed, in few words: the errno, else the tool's error, else its last line, else the
// exit code.
std::string reason_of(const StepResult&);

// A test suite for each outcome, a test case for each step; one more for the proofs (junit.cc).
std::string junit_xml(const std::vector<NamedOutcome>&, const std::vector<XtfProof>& = {});

// XTF's tests before, applied and after the revert (proofs.cc): a line for each, with `all` also
// the evidence.
std::vector<std::string> proof_lines(const std::vector<XtfProof>&, bool all);
nlohmann::ordered_json to_json(const XtfSeen&);
nlohmann::ordered_json to_json(const std::vector<XtfProof>&);

// `qa.xtf-open` (exit code 1) for a hole that a payload leaves open; `qa.xtf-no-proof`, a warning,
// for what proves nothing.
Findings findings_of(const std::vector<XtfProof>&);

// XTF as a regression test (suite.cc).
struct SuiteCase {
    std::string test;
    XtfSeen without;             // payloads
    std::optional<XtfSeen> with; // them
    std::string blind;           // why emulation cannot test it; then it was not run

    bool worse() const { return with && is_worse(without.end, with->end); }
};
std::string suite_line(const SuiteCase&);
// "31 SUCCESS, 4 SKIP, 2 not testable"
std::string count_line(const std::vector<SuiteCase>&, bool with);
nlohmann::ordered_json to_json(const SuiteCase&);
// A test case each; only one that is worse with the payloads failed, and only SUCCESS passed.
std::string junit_xml(const std::vector<SuiteCase>&);
// `qa.xtf-worse`, one for each.
Findings findings_of(const std::vector<SuiteCase>&);

// What did not go as it should, as errors that call for exit code 1; empty when all passed.
Findings findings_of(const NamedOutcome&);

} // namespace xlp::qa
