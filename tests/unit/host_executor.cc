// SPDX-License-Identifier: GPL-2.0-only
// Whole operations with a failure, and with a kill, at every single call: the host ends as it was
// or as planned, never between, and the next run repairs what a kill left.
#include "host_scenarios.h"
#include "payload/base/file.h"
#include "tools/xlp/disk/holds.h"

#include <cerrno>

namespace xlp::host::test {
namespace {

namespace fs = std::filesystem;

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
                EXPECT_TRUE(before_or_after(now)) << "call " << call << " errno " << error << ": "
                                                  << text(now) << text(done.error());
            if (!done && !GetParam().plan.atomic()) {
                Findings next;
                auto repaired = w.run({"next", {}}, next);
                EXPECT_TRUE(repaired) << text(repaired.error());
                EXPECT_TRUE(before_or_after(w.xen.snapshot()))
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
            auto done = w.repair();
            EXPECT_TRUE(done) << text(done.error());
            const Snapshot now = w.xen.snapshot();
            EXPECT_TRUE(before_or_after(now))
                << "killed at call " << call << (effect ? " after" : " before")
                << " its effect: " << text(now);
            EXPECT_FALSE(fs::exists(w.root.paths.journal()));
            EXPECT_TRUE(w.trial_is_true());
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
                (void)w.repair();
            } catch (const Killed&) {
                killed = true;
            }
            w.xen.kill_after.reset();
            EXPECT_TRUE(w.repair());
            const Snapshot now = w.xen.snapshot();
            EXPECT_TRUE(before_or_after(now))
                << "killed at " << call << " and " << second << ": " << text(now);
            if (!killed)
                break;
        }
}

TEST(Executor, AReplacementThatStopsHalfWayIsUndone) {
    World w;
    ASSERT_TRUE(w.run(
        load_plan({{"a", spec("a")}, {"b", spec("b", id("a"))}, {"c", spec("c", id("b"), true)}})));
    ASSERT_TRUE(w.run({"upload", {{Step::Kind::upload, "new", make_blob(spec("d"))}}}));
    const Snapshot before = w.xen.snapshot();
    w.xen.replace_fails_after = 2;
    auto done = w.run({"replace", {{Step::Kind::replace, "new"}}});
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
                       {{Step::Kind::upload, "new", make_blob(spec("d"))},
                        {Step::Kind::replace, "new"},
                        {Step::Kind::unload, "a"},
                        {Step::Kind::unload, "b"}}});
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
    auto repaired = w.repair();
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
    fs::create_directories(w.root.paths.run().parent_path());
    ASSERT_TRUE(write_file(w.root.paths.run(), "in the way"));
    auto done = w.run(load_plan({{"a", spec("a")}}));
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().front().code, "file.unwritable");
    EXPECT_EQ(failure_of(done.error()), Failure::environment);
    EXPECT_TRUE(w.xen.entries.empty());
}

TEST(Executor, ASingleStepWorksWhereNothingCanBeWritten) {
    World w;
    ASSERT_TRUE(w.run(load_plan({{"a", spec("a")}})));
    fs::remove_all(w.root.paths.run());
    fs::remove_all(w.root.paths.root / "var");
    ASSERT_TRUE(write_file(w.root.paths.run(), "in the way"));
    ASSERT_TRUE(write_file(w.root.paths.root / "var", "in the way"));
    EXPECT_TRUE(w.run({"revert", {{Step::Kind::revert, "a"}}}));
    EXPECT_TRUE(w.run({"apply", {{Step::Kind::apply, "a"}}}));
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
    const auto held = [&] { return *Holds::read(w.root.paths, xen_id); };
    const std::string sha = make_blob(spec("a"))->sha256;
    ASSERT_NE(held().find(sha, ""), nullptr) << "also before it is written down";
    EXPECT_TRUE(held().after_crash());
    ASSERT_TRUE(w.run(load_plan({{"b", spec("b")}})));
    EXPECT_NE(held().find(sha, ""), nullptr)
        << "another payload's success proves nothing about this one";
    EXPECT_EQ(held().all().size(), 1u);
    EXPECT_TRUE(Holds::read(w.root.paths, id("77"))->all().empty()) << "another hypervisor";
    ASSERT_TRUE(lift_holds(w.root.paths, xen_id));
    EXPECT_TRUE(held().all().empty());
}

} // namespace
} // namespace xlp::host::test
