// SPDX-License-Identifier: GPL-2.0-only
// Whole operations with a failure, and with a kill, at every single call: the host ends as it was
// or as planned, never between, and the next run repairs what a kill left.
#include "host_scripted.h"
#include "tools/xlp/executor.h"
#include "tools/xlp/files.h"

#include <cerrno>
#include <gtest/gtest.h>

namespace xlp::host::test {
namespace {

namespace fs = std::filesystem;
using Kind = Step::Kind;

struct World {
    TestClock clock;
    ScriptedXen xen{clock};
    Root root;

    // As a process of its own would do it.
    Result<void> run(const Plan& plan, Findings& findings) {
        ScriptedHypervisor hv(xen);
        Limits limits;
        limits.attempts = 3;
        limits.settle = std::chrono::milliseconds(200);
        Operator op(hv, clock, limits);
        Executor executor(hv, op, root.paths);
        return executor.run(plan, findings);
    }
    Result<void> run(const Plan& plan) {
        Findings f;
        return run(plan, f);
    }
};

PayloadSpec spec(const std::string& own, const std::string& below = xen_id, bool data = false) {
    PayloadSpec p{id(own), below};
    p.data = data;
    return p;
}

struct Scenario {
    std::string name;
    std::vector<Plan> setup;
    Plan plan;
};

Plan load_plan(std::vector<std::pair<std::string, PayloadSpec>> payloads) {
    Plan plan{"load", {}};
    for (auto& [name, p] : payloads)
        plan.steps.push_back({Kind::upload, name, make_blob(p)});
    for (auto& [name, p] : payloads)
        plan.steps.push_back({Kind::apply, name});
    return plan;
}

std::vector<Scenario> scenarios() {
    const Plan stack =
        load_plan({{"a", spec("a")}, {"b", spec("b", id("a"))}, {"c", spec("c", id("b"), true)}});
    const Plan cumulative{"sync",
                          {{Kind::upload, "new", make_blob(spec("d"))},
                           {Kind::replace, "new"},
                           {Kind::unload, "a"},
                           {Kind::unload, "b"},
                           {Kind::unload, "c"}}};
    const Plan exchange{"sync", // the top's name and place for other bytes
                        {{Kind::revert, "c"},
                         {Kind::unload, "c"},
                         {Kind::upload, "c", make_blob(spec("e", id("b")))},
                         {Kind::apply, "c"}}};
    const Plan upload_new{"upload", {{Kind::upload, "new", make_blob(spec("d"))}}};
    return {
        {"load of three on nothing", {}, stack},
        {"load of one on a stack", {stack}, load_plan({{"x", spec("f", id("c"))}})},
        {"upload", {stack}, upload_new},
        {"apply", {upload_new}, {"apply", {{Kind::apply, "new"}}}},
        {"revert", {stack}, {"revert", {{Kind::revert, "c"}}}},
        {"unload", {stack, upload_new}, {"unload", {{Kind::unload, "new"}}}},
        {"replace", {stack, upload_new}, {"replace", {{Kind::replace, "new"}}}},
        {"cumulative payload for a stack", {stack}, cumulative},
        {"same name, other bytes", {stack}, exchange},
        {"revert the whole stack and unload it",
         {stack},
         {"sync",
          {{Kind::revert, "c"},
           {Kind::revert, "b"},
           {Kind::revert, "a"},
           {Kind::unload, "c"},
           {Kind::unload, "b"},
           {Kind::unload, "a"}}}},
    };
}

std::string text(const Snapshot& s) {
    std::string t;
    for (const auto& e : s.entries)
        t += e.name + (e.applied ? "+" : "-") + " ";
    return t;
}

std::string text(const Findings& list) {
    std::string t;
    for (const Finding& f : list)
        t += f.code + " at " + f.where.function + ": " + f.why + "\n";
    return t;
}

class EveryScenario : public ::testing::TestWithParam<Scenario> {
protected:
    // Prepares a world; gives the state before and the number of calls that the plan makes.
    void prepare(World& w) {
        for (const Plan& p : GetParam().setup) {
            auto done = w.run(p);
            ASSERT_TRUE(done) << text(done.error());
        }
        before_ = w.xen.snapshot();
        after_ = GetParam().plan.after(before_);
        first_ = w.xen.calls;
    }
    int calls() {
        World w;
        prepare(w);
        auto done = w.run(GetParam().plan);
        EXPECT_TRUE(done) << text(done.error());
        EXPECT_TRUE(w.xen.snapshot().same_as(after_)) << text(w.xen.snapshot());
        EXPECT_FALSE(fs::exists(w.root.paths.journal()));
        EXPECT_FALSE(fs::exists(w.root.paths.guard()));
        return w.xen.calls - first_;
    }
    Snapshot before_, after_;
    int first_ = 0;
};

TEST_P(EveryScenario, AFailureAtAnyCallLeavesBeforeOrAfter) {
    const int n = calls();
    ASSERT_GT(n, 0);
    for (int call = 1; call <= n; ++call)
        for (int error : {EBUSY, EAGAIN, EINTR, EINVAL, ENOENT, ENOMEM, EPERM, EOPNOTSUPP}) {
            World w;
            prepare(w);
            w.xen.fail_at = {{first_ + call, error}};
            Findings findings;
            auto done = w.run(GetParam().plan, findings);
            const Snapshot now = w.xen.snapshot();
            if (done)
                EXPECT_TRUE(now.same_as(after_))
                    << "call " << call << " errno " << error << ": " << text(now);
            else
                EXPECT_TRUE(now.same_as(before_) || now.same_as(after_))
                    << "call " << call << " errno " << error << ": " << text(now)
                    << text(done.error());
            if (!done && !GetParam().plan.atomic()) {
                Findings next;
                auto repaired = w.run({"next", {}}, next);
                EXPECT_TRUE(repaired) << text(repaired.error());
                EXPECT_TRUE(w.xen.snapshot().same_as(before_) || w.xen.snapshot().same_as(after_))
                    << "call " << call << " errno " << error << ": " << text(w.xen.snapshot());
                EXPECT_FALSE(fs::exists(w.root.paths.journal()));
            }
        }
}

TEST_P(EveryScenario, AKillAtAnyCallIsRepairedByTheNextRun) {
    const int n = calls();
    for (int call = 1; call <= n; ++call)
        for (bool effect : {false, true}) {
            World w;
            prepare(w);
            (effect ? w.xen.kill_after : w.xen.kill_before) = first_ + call;
            EXPECT_THROW((void)w.run(GetParam().plan), Killed);
            auto done = w.run({"next", {}});
            EXPECT_TRUE(done) << text(done.error());
            const Snapshot now = w.xen.snapshot();
            EXPECT_TRUE(now.same_as(before_) || now.same_as(after_))
                << "killed at call " << call << (effect ? " after" : " before")
                << " its effect: " << text(now);
            EXPECT_FALSE(fs::exists(w.root.paths.journal()));
            EXPECT_FALSE(fs::exists(w.root.paths.guard()));
        }
}

TEST_P(EveryScenario, ARepairThatIsKilledIsRepairedAsWell) {
    const int n = calls();
    for (int call = 1; call <= n; call += 2)
        for (int second = 1;; second += 3) {
            World w;
            prepare(w);
            w.xen.kill_after = first_ + call;
            EXPECT_THROW((void)w.run(GetParam().plan), Killed);
            w.xen.kill_after = w.xen.calls + second;
            bool killed = false;
            try {
                (void)w.run({"next", {}});
            } catch (const Killed&) {
                killed = true;
            }
            EXPECT_TRUE(w.run({"next", {}}));
            const Snapshot now = w.xen.snapshot();
            EXPECT_TRUE(now.same_as(before_) || now.same_as(after_))
                << "killed at " << call << " and " << second << ": " << text(now);
            if (!killed)
                break;
        }
}

INSTANTIATE_TEST_SUITE_P(Host, EveryScenario, ::testing::ValuesIn(scenarios()),
                         [](const auto& scenario) {
                             std::string s = scenario.param.name;
                             for (char& c : s)
                                 if (!std::isalnum(static_cast<unsigned char>(c)))
                                     c = '_';
                             return s;
                         });

TEST(Executor, AReplacementThatStopsHalfWayIsUndone) {
    World w;
    ASSERT_TRUE(w.run(
        load_plan({{"a", spec("a")}, {"b", spec("b", id("a"))}, {"c", spec("c", id("b"), true)}})));
    ASSERT_TRUE(w.run({"upload", {{Kind::upload, "new", make_blob(spec("d"))}}}));
    const Snapshot before = w.xen.snapshot();
    w.xen.replace_fails_after = 2;
    auto done = w.run({"replace", {{Kind::replace, "new"}}});
    ASSERT_FALSE(done);
    EXPECT_TRUE(w.xen.snapshot().same_as(before)) << text(w.xen.snapshot());
    EXPECT_EQ(w.xen.stack, (std::vector<std::string>{"a", "b", "c"}));
}

TEST(Executor, ExpectationsThatFailAfterTheRevertsAreUndone) {
    World w;
    ASSERT_TRUE(w.run(load_plan({{"a", spec("a")}, {"b", spec("b", id("a"), true)}})));
    const Snapshot before = w.xen.snapshot();
    w.xen.refuses_expectations.insert(id("d"));
    auto done = w.run({"sync",
                       {{Kind::upload, "new", make_blob(spec("d"))},
                        {Kind::replace, "new"},
                        {Kind::unload, "a"},
                        {Kind::unload, "b"}}});
    ASSERT_FALSE(done);
    EXPECT_TRUE(w.xen.snapshot().same_as(before)) << text(w.xen.snapshot());
}

TEST(Executor, WhatOtherToolsBroughtIsLeftAlone) {
    World w;
    ASSERT_TRUE(w.run(load_plan({{"a", spec("a")}})));
    w.xen.kill_after = w.xen.calls + 12;
    EXPECT_THROW((void)w.run(load_plan({{"b", spec("b", id("a"))}, {"c", spec("c", id("b"))}})),
                 Killed);
    ScriptedHypervisor other(w.xen);
    ASSERT_TRUE(other.upload("theirs", make_payload(spec("f")), false));
    auto repaired = w.run({"next", {}});
    ASSERT_TRUE(repaired) << text(repaired.error());
    EXPECT_NE(w.xen.find("theirs"), nullptr);
    EXPECT_EQ(w.xen.find("b"), nullptr);
    EXPECT_EQ(w.xen.stack, std::vector<std::string>{"a"});
}

TEST(Executor, AJournalOfAnotherBootIsForgotten) {
    World w;
    w.xen.kill_after = 8;
    EXPECT_THROW((void)w.run(load_plan({{"a", spec("a")}, {"b", spec("b", id("a"))}})), Killed);
    w.root.reboot("second");
    w.xen.entries.clear();
    w.xen.stack.clear();
    Findings findings;
    ASSERT_TRUE(w.run({"next", {}}, findings));
    EXPECT_TRUE(findings.empty());
    EXPECT_FALSE(fs::exists(w.root.paths.journal()));
}

// A file where the folder should be stands for a disk that takes nothing.
TEST(Executor, WithoutRoomForTheJournalNothingIsBegun) {
    World w;
    ASSERT_TRUE(write_atomically(w.root.paths.run(), "in the way"));
    auto done = w.run(load_plan({{"a", spec("a")}}));
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().front().code, "host.disk");
    EXPECT_EQ(failure_of(done.error()), Failure::environment);
    EXPECT_TRUE(w.xen.entries.empty());
}

TEST(Executor, ASingleStepWorksWhereNothingCanBeWritten) {
    World w;
    ASSERT_TRUE(w.run(load_plan({{"a", spec("a")}})));
    fs::remove_all(w.root.paths.run());
    fs::remove_all(w.root.paths.root / "var");
    ASSERT_TRUE(write_atomically(w.root.paths.run(), "in the way"));
    ASSERT_TRUE(write_atomically(w.root.paths.root / "var", "in the way"));
    EXPECT_TRUE(w.run({"revert", {{Kind::revert, "a"}}}));
    EXPECT_TRUE(w.run({"apply", {{Kind::apply, "a"}}}));
    EXPECT_EQ(w.xen.stack, std::vector<std::string>{"a"});
}

TEST(Executor, ACrashWhileApplyingLeavesItsMark) {
    World w;
    const Plan plan = load_plan({{"a", spec("a")}});
    w.xen.on_call = [&](ScriptedXen& x, int) {
        if (x.find("a") && x.find("a")->pending)
            throw Killed{}; // the host is gone
    };
    EXPECT_THROW((void)w.run(plan), Killed);
    w.root.reboot("second");
    w.xen.on_call = nullptr;
    w.xen.entries.clear();
    const Guard guard(w.root.paths);
    auto crash = guard.crash();
    ASSERT_TRUE(crash && *crash);
    EXPECT_EQ((*crash)->payloads, std::vector<std::string>{"a"});
    ASSERT_TRUE(w.run(load_plan({{"b", spec("b")}})));
    EXPECT_TRUE(*guard.crash()) << "another payload's success proves nothing about this one";
    ASSERT_TRUE(guard.forgive());
    EXPECT_FALSE(*guard.crash());
}

} // namespace
} // namespace xlp::host::test
