// SPDX-License-Identifier: GPL-2.0-only
// Single steps on a host, with the bookkeeping for each: xlp's records are updated and the audit
// trail gets an entry, for undo steps as well as for requested ones.
#pragma once

#include "payload/base/result.h"
#include "tools/xlp/disk/records.h"
#include "tools/xlp/executor/operator.h"
#include "tools/xlp/executor/trail.h"
#include "tools/xlp/plan/plan.h"

#include <functional>
#include <set>
#include <string>

namespace xlp::host {

class Hands {
public:
    Hands(Hypervisor&, Operator&, const Paths&, std::string xen_build_id,
          std::function<void(const std::string&)> say, Trail);

    // What is on the host now, once actions that are under way have ended.
    Result<Snapshot> look();
    // Trouble in the book-keeping is a warning in `findings`.
    Result<void> perform(const Step&, Findings& findings);

    Records& records() { return records_; }
    Operator& op() { return op_; }
    // "load", "undo of load", "repair of load": what the steps that follow belong to.
    void belong_to(std::string operation) { operation_ = std::move(operation); }

private:
    Result<void> upload(const Step&, Findings& findings);
    Result<void> act(const Step&, Findings& findings);
    bool calls_hook(const Step&) const;
    void tell(const Step&, const Result<void>&) const;

    Hypervisor& xen_;
    Operator& op_;
    Records records_;
    std::string xen_build_id_, operation_;
    std::function<void(const std::string&)> say_;
    Trail trail_;
    std::set<std::string> stale_; // say -EAGAIN though nothing is under way, since our last action
};

// Failures of book-keeping that must not stop an operation that is under way.
void as_warnings(Findings& to, const Result<void>&);
// For what each stage of an operation would say again.
void add_once(Findings& to, Finding);

} // namespace xlp::host
