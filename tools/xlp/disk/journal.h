// SPDX-License-Identifier: GPL-2.0-only
// What an operation of several steps is about, on disk while it is under way, so that the next xlp
// can finish or undo it. Only payloads that the operation itself touches are in it: the others are
// none of its business.
#pragma once

#include "payload/base/result.h"
#include "tools/xlp/disk/paths.h"
#include "tools/xlp/plan/plan.h"

#include <optional>
#include <set>
#include <string>

namespace xlp::host {

struct Journal {
    std::string operation;
    Snapshot before, after;
    // What the operation itself removes from the hypervisor before it is done. Anything else that
    // is gone was removed by somebody, and stays gone.
    std::set<std::string> removes;
    bool committed = false; // the last apply is done: only tidying is left
    bool unchecked = false; // health checks have not passed yet

    static Journal of(const Plan&, const Snapshot& host);
    bool names(const std::string& payload) const {
        return before.find(payload) || after.find(payload);
    }
};

Result<void> write_journal(const Paths&, const Journal&);
// Nothing when there is none of this boot.
Result<std::optional<Journal>> read_journal(const Paths&);

} // namespace xlp::host
