// SPDX-License-Identifier: GPL-2.0-only
// Carries a plan out so that the host ends as planned or as it was before, whatever fails: a
// journal is written first, a failure rolls back, and what a killed xlp left is repaired by the
// next one. The caller holds the host's lock.
#pragma once

#include "payload/base/result.h"
#include "tools/xlp/disk/guard.h"
#include "tools/xlp/disk/paths.h"
#include "tools/xlp/disk/records.h"
#include "tools/xlp/plan/plan.h"
#include "tools/xlp/verbs/operator.h"

#include <functional>
#include <set>
#include <string>

namespace xlp::host {

class Executor {
public:
    Executor(Hypervisor& xen, Operator& op, const Paths& paths,
             std::function<void(const std::string&)> say = {});

    // What is on the host now, once actions that are under way have ended.
    Result<Snapshot> look();

    // Finishes or undoes what an earlier run left half done. A warning in `findings` says so.
    Result<void> repair(Findings& findings);

    // repair(), then the plan. An error means that the host is as it was before; where even that
    // could not be reached, the error "host.between" says so and the next run tries again.
    // Trouble in the tidying that follows the last apply is a warning in `findings`.
    Result<void> run(const Plan&, Findings& findings);

private:
    struct Journal {
        std::string operation;
        Snapshot before, after;
        bool committed = false;
    };
    Result<void> write(const Journal&) const;
    Result<std::optional<Journal>> read_journal() const;

    Result<void> perform(const Step&, Findings& findings);
    Result<void> carry_out(const Step&, Findings& findings);
    Result<void> upload(const Step&, Findings& findings);
    Result<bool> act(Action, const std::string& name, std::uint32_t flags = 0);
    // The parts of undoing; all look only at payloads that the journal names, so that what other
    // tools brought is left alone.
    Result<Snapshot> look(const Journal&);
    Result<void> restore(const Journal&);
    Result<void> revert_extra(const Journal&);
    Result<void> apply_missing(const Journal&);
    Result<void> bring_back(const Snapshot::Entry&); // apply again, from kept bytes if need be
    Result<void> upload_missing(const Snapshot::Entry&);
    Result<void> unload_all_but(const Snapshot& wanted, const Journal&);
    void tidy(Findings&);

    Hypervisor& xen_;
    Operator& op_;
    Paths paths_;
    Guard guard_;
    Records records_;
    std::set<std::string> stale_; // say -EAGAIN though nothing is under way, since our last action
    std::function<void(const std::string&)> say_;
};

} // namespace xlp::host
