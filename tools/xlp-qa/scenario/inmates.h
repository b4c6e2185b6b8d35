// SPDX-License-Identifier: GPL-2.0-only
// Guests beside dom0 that stay alive and busy through every step of a run (`--guest`).
#pragma once

#include "tools/xlp-qa/scenario/testbed.h"

namespace xlp::qa {

struct Inmate {
    std::string kind; // "pv", "pvh", "hvm"
    std::string kernel;
    unsigned number = 1;
    unsigned memory_mib = 16;
    unsigned vcpus = 1;
};

// "FILE[,kind=pv|pvh|hvm][,number=N][,memory=MIB][,vcpus=N]". Without a kind, an ELF file of 64
// bits is PV, one of 32 bits PVH. Errors: usage, bad input.
Result<Inmate> parse_inmate(const std::string& text);

// Where `guest` N of a scenario lies in dom0, and the steps to start them all; each that a step
// `check` then finds dead or without a beat fails that step. `check` prints, and forgets, the
// longest pause that each guest saw since the last.
void add_inmates(Scenario&, const std::vector<Inmate>&);
Step inmates_check(const std::string& when);
Step inmates_end();

// The longest pause, in milliseconds, that a check's output tells of; nothing when none told.
std::optional<double> longest_pause(std::string_view output);

// The longest of all checks after a step of that verb ("apply", "revert", "idle").
std::optional<double> longest_pause(const Outcome&, const std::string& verb);

} // namespace xlp::qa
