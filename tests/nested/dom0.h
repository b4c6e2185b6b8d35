// SPDX-License-Identifier: GPL-2.0-only
// A realistic dom0: Debian with systemd on a disk that outlives the virtual machine. Each life is
// one boot of the hypervisor; only the disk remains between two lives.
#pragma once

#include "tools/xlp-qa/machine/machine.h"
#include "tools/xlp-qa/machine/settings.h"
#include "tools/xlp-qa/scenario/scenario.h"

namespace xlp::qa {

// How a life ends.
enum class End {
    by_itself, // waits until the machine reboots or powers off, as the last step requests
    power_cut  // right after the last step; what dom0 had not yet written to disk is lost
};

struct Life {
    Outcome outcome;
    std::string how; // QEMU's reason if it ended by itself: "guest-reset", "guest-shutdown"
};

class Dom0 {
public:
    // Creates the disk in `folder` with dom0/make-disk. Errors: `qa.no-dom0` (environment) if
    // Debian's packages are not available; those of the other parts.
    static Result<Dom0> make(const Assets&, const Settings&, const fs::path& folder);

    // Files and steps of the scenario are as for a Testbed, but below /run/test.
    Result<Life> live(const Scenario&, End) const;

private:
    Dom0(Settings settings, fs::path folder)
        : settings_(std::move(settings)), folder_(std::move(folder)) {}

    Settings settings_;
    fs::path folder_;
    BootImage image_;
};

} // namespace xlp::qa
