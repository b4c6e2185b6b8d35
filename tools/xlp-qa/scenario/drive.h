// SPDX-License-Identifier: GPL-2.0-only
// Our half of the conversation with dom0 (guest.h has the words): brings a machine to where it
// takes steps, gives it the steps one by one, and writes down what comes back.
#pragma once

#include "tools/xlp-qa/machine/machine.h"
#include "tools/xlp-qa/machine/settings.h"
#include "tools/xlp-qa/scenario/scenario.h"

#include <functional>

namespace xlp::qa {

class Drive {
public:
    // Writes to `outcome` as it goes. `xen_syms` names the place of a hang; may be empty.
    Drive(Machine& machine, const Settings& settings, std::string_view xen_syms, Outcome& outcome)
        : machine_(machine), settings_(settings), xen_syms_(xen_syms), outcome_(outcome),
          deadline_(Machine::Clock::now() + settings.limit) {}

    // Until dom0 waits for "go": true; false when the machine died (outcome's `death`). Errors:
    // `qa.interrupted`.
    Result<bool> wait_until_ready();

    // The whole scenario, with "boot" as first step. `restored`: dom0 waits already.
    Result<void> run(const Scenario&, bool restored);

private:
    using Listener = std::function<bool(const Line&)>; // true: this was it
    // Reads lines until the listener has its own (true), or the machine died (false).
    Result<bool> listen(const Listener&);
    Result<bool> boot(bool restored);
    Result<bool> step(const Step&, std::size_t number);
    Death death_of(Machine::Event);

    Machine& machine_;
    const Settings& settings_;
    std::string_view xen_syms_;
    Outcome& outcome_;
    Machine::Clock::time_point deadline_;
    Autopsy autopsy_;
};

// The errno that a tool's output names: as "Error 22: Invalid argument", as xen-livepatch writes,
// or by its symbol, "EINVAL"; 0 when it names none.
int error_number_in(std::string_view output);

} // namespace xlp::qa
