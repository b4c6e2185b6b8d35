// SPDX-License-Identifier: GPL-2.0-only
// A hypervisor made ready to be tried: scenarios run on it, each on a fresh machine. This is the
// library's front door; the verbs of xlp-qa, the corpus runner and the differential tests use it.
#pragma once

#include "payload/base/result.h"
#include "tools/common/cache.h"
#include "tools/xlp-qa/machine/accelerator.h"
#include "tools/xlp-qa/machine/machine.h"
#include "tools/xlp-qa/machine/settings.h"
#include "tools/xlp-qa/scenario/scenario.h"

#include <filesystem>
#include <string>

namespace xlp::qa {

class Testbed {
public:
    // Unpacks, extracts and assembles, or finds all that in the cache. Gathers every finding about
    // the assets: bad input, or environment for what the machine lacks.
    static Result<Testbed> prepare(const Assets&, const Settings&);

    // Runs a scenario on a machine of its own, which is gone afterwards, whatever happens. A step
    // that fails and a hypervisor that dies are part of the outcome; errors are those of the
    // environment. Safe to call from several threads at once.
    Result<Outcome> run(const Scenario&) const;

    const std::string& xen_build_id() const { return xen_build_id_; }
    const Accelerator& accelerator() const { return accelerator_; }
    const std::string& cpu() const { return image_.cpu; }

private:
    Testbed(fs::path cache, Settings settings)
        : cache_(std::move(cache)), settings_(std::move(settings)) {}

    Result<fs::path> saved_state() const;
    Result<Outcome> run_from(const Scenario&, const fs::path* state) const;

    fs::path cache_;
    Settings settings_;
    Accelerator accelerator_;
    BootImage image_;
    std::string state_key_;
    std::string xen_build_id_;
    std::string xen_syms_; // bytes, to name where a hang is
};

} // namespace xlp::qa
