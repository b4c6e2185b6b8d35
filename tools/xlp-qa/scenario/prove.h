// SPDX-License-Identifier: GPL-2.0-only
// A payload proven by XTF: the hole is there without it, gone with it, there again after it.
#pragma once

#include "tools/xlp-qa/scenario/plan.h"
#include "tools/xlp-qa/scenario/xtf.h"

namespace xlp::qa {

enum class Proof {
    closed,       // vulnerable before, SUCCESS applied
    open,         // the payload is applied, and the hypervisor is vulnerable
    no_hole,      // SUCCESS already before: the test shows nothing
    skipped,      // the test says that it cannot be run here
    not_testable, // the emulator cannot show it
    unclear       // ERROR, a guest that crashed, a machine that failed
};
const char* to_string(Proof);

struct XtfProof {
    XtfTest test;
    XtfSeen before, applied, reverted;
    Proof proof = Proof::unclear;
    std::string why; // for what is no proof
    double seconds = 0;
    Findings notes;
};

Proof conclude(const XtfSeen& before, const XtfSeen& applied);

// Two machines: one without the payloads, which may die; one with them applied, then reverted.
Result<XtfProof> prove(const Testbed&, const XtfTest&, const std::vector<Payload>&);

// Runs tests one after the other on a machine, and goes on with another when it died. With
// payloads, these are applied first. What emulation cannot test is left out. `seen` gets one answer
// for each test; when the suite cannot go on, those that it got until then.
Result<void> run_suite(const Testbed&, const std::vector<XtfTest>&, const std::vector<Payload>&,
                       std::vector<XtfSeen>& seen);

// Whether a test came to a worse end than without the payloads.
bool is_worse(XtfEnd without, XtfEnd with);

} // namespace xlp::qa
