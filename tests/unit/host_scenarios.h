// SPDX-License-Identifier: GPL-2.0-only
// Every kind of operation on a scripted hypervisor, for tests that let each of their steps go
// wrong: EveryScenario runs once for each.
#pragma once

#include "host_scripted.h"
#include "tools/xlp/executor/executor.h"

#include <gtest/gtest.h>

namespace xlp::host::test {

struct World {
    TestClock clock;
    ScriptedXen xen{clock};
    Root root;

    // As a process of its own would do it: also repairs what an earlier one left.
    Result<void> run(const Plan&, Findings&);
    Result<void> run(const Plan& plan) {
        Findings f;
        return run(plan, f);
    }
    // What is on trial is in effect.
    bool trial_is_true();
    // Of a next run, which has nothing of its own to do.
    Result<void> repair() { return run({"next", {}}); }
};

PayloadSpec spec(const std::string& own, const std::string& below = xen_id, bool data = false);
Plan load_plan(const std::vector<std::pair<std::string, PayloadSpec>>& payloads);

struct Scenario {
    std::string name;
    std::vector<Plan> setup;
    Plan plan;
};

std::string text(const Snapshot&); // "a+ b-": applied or not
std::string text(const Findings&);

class EveryScenario : public ::testing::TestWithParam<Scenario> {
protected:
    // Prepares a world; learns the state before, that after, and the calls made so far.
    void prepare(World&);
    // Of the hypervisor's, that the plan makes when all is well.
    int calls();
    bool before_or_after(const Snapshot& now) const {
        return now.same_as(before_) || now.same_as(after_);
    }
    Snapshot before_, after_;
    int first_ = 0;
};

} // namespace xlp::host::test
