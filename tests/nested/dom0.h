// SPDX-License-Identifier: GPL-2.0-only
// A dom0 as people have it: Debian with systemd on a disk of its own, which outlives the machine.
// Each life is a boot of the hypervisor; between two of them nothing is left but the disk.
#pragma once

#include "tools/xlp-qa/machine/machine.h"
#include "tools/xlp-qa/machine/settings.h"
#include "tools/xlp-qa/scenario/scenario.h"

namespace xlp::qa {

// How a life ends.
enum class End {
    by_itself, // the last step lets the machine reboot or power off: waits for it
    power_cut  // at once after the last step; what dom0 had not given to its disk is lost
};

struct Life {
    Outcome outcome;
    std::string how; // QEMU's word for an end by itself: "guest-reset", "guest-shutdown"
};

class Dom0 {
public:
    // Makes the disk, in `folder`, with dom0/make-disk. Errors: `qa.no-dom0` (environment) where
    // Debian's packages cannot be had; those of the other parts.
    static Result<Dom0> make(const Assets&, const Settings&, const fs::path& folder);

    // The scenario's files and steps are as for a Testbed, but for where they lie: below /run/test.
    Result<Life> live(const Scenario&, End) const;

private:
    Dom0(Settings settings, fs::path folder)
        : settings_(std::move(settings)), folder_(std::move(folder)) {}

    Settings settings_;
    fs::path folder_;
    BootImage image_;
};

} // namespace xlp::qa
