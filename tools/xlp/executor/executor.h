// SPDX-License-Identifier: GPL-2.0-only
// Executes a plan so that the host ends as planned or as it was before, whatever fails: a journal
// is written first, a failure rolls back, and the next xlp repairs what a killed one left. What is
// applied gets a trial period (trial.h), and is reverted if the operator's health checks fail. The
// caller holds the host's lock.
#pragma once

#include "payload/base/result.h"
#include "tools/xlp/disk/health.h"
#include "tools/xlp/disk/journal.h"
#include "tools/xlp/disk/paths.h"
#include "tools/xlp/disk/trial.h"
#include "tools/xlp/executor/hands.h"
#include "tools/xlp/plan/plan.h"

#include <chrono>
#include <functional>
#include <stop_token>
#include <string>

namespace xlp::host {

// What an executor works in.
struct Setting {
    Paths paths;
    std::string xen_build_id = {};
    std::function<void(const std::string&)> say = {}; // progress, for people who watch
    Trail trail = {};
    std::chrono::milliseconds health_limit = std::chrono::seconds(30);
    std::stop_token stop = {};
};

class Executor {
public:
    Executor(Hypervisor& xen, Operator& op, Clock& clock, Setting);

    // What is on the host now, once actions that are under way have ended.
    Result<Snapshot> look() { return hands_.look(); }

    // Finishes or undoes what an earlier run left half done. A warning in `findings` says so.
    Result<void> repair(Findings& findings);

    // repair(), then the plan. An error means that the host is as it was before; where even that
    // could not be reached, the error "host.between" says so and the next run tries again.
    // Trouble in the tidying that follows the last apply is a warning in `findings`.
    Result<void> run(const Plan&, Findings& findings);

private:
    Result<void> take_over(const Plan&, Findings& findings);
    Result<void> prepare(const Plan&, const Snapshot& host, Journal&, Findings& findings);
    void forget_what_is_gone(const Plan&, Findings& findings);
    Result<void> can_be_undone(const Plan&, const Snapshot& host, Findings& findings);
    Result<void> may_replace(const Plan&, const Snapshot& host);
    Result<void> begin_trial(const Plan&, const Snapshot& after);
    Result<void> carry_out(const Plan&, Journal&, Findings& findings);
    Result<void> check_health(const Plan&);
    void commit(Journal&, Findings& findings);
    tl::unexpected<Findings> undo(const Plan&, Journal&, Findings why, Findings& findings);
    Result<void> conclude(const Plan&, Journal&, Findings& findings);
    void tidy(Findings&);

    Clock& clock_;
    Setting setting_;
    Hands hands_;
    Trial trial_;
    Health health_;
};

} // namespace xlp::host
