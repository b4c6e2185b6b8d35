// SPDX-License-Identifier: GPL-2.0-only
// One action at a time: every way in which it can end.
#include "host_scripted.h"
#include "tools/xlp/executor/operator.h"

#include <cerrno>
#include <gtest/gtest.h>

namespace xlp::host::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct OperatorTest : ::testing::Test {
    TestClock clock;
    ScriptedXen xen{clock};
    ScriptedHypervisor hv{xen};
    Operator op{hv, clock, {}};

    void load(const std::string& name, const PayloadSpec& spec) {
        ASSERT_TRUE(op.upload(name, make_payload(spec)));
        ASSERT_TRUE(op.act(Action::apply, name));
    }
    static std::string code(const Findings& f) { return f.front().code; }
};

TEST_F(OperatorTest, AnActionEndsWhenTheHypervisorSaysSo) {
    xen.latency = seconds(2);
    ASSERT_TRUE(op.upload("a", make_payload({id("a")})));
    auto done = op.act(Action::apply, "a");
    ASSERT_TRUE(done);
    EXPECT_TRUE(*done);
    EXPECT_EQ(xen.find("a")->status.state, State::applied);
    EXPECT_GE(clock.now(), seconds(2));
    EXPECT_FALSE(*op.act(Action::apply, "a")) << "applied already: nothing changes";
}

TEST_F(OperatorTest, ARendezvousThatTimedOutIsTriedWithMoreTime) {
    xen.rendezvous = milliseconds(100);
    ASSERT_TRUE(op.upload("a", make_payload({id("a")})));
    ASSERT_TRUE(op.act(Action::apply, "a"));
    EXPECT_EQ(xen.find("a")->timeout, 120'000'000u) << "30 ms doubled twice";
    EXPECT_EQ(op.cost().expired, 2u);
}

TEST_F(OperatorTest, TheHostStandsStillForShortTimesFarApart) {
    xen.rendezvous = milliseconds(1000);
    ASSERT_TRUE(op.upload("a", make_payload({id("a")})));
    const Nanoseconds begun = clock.now();
    EXPECT_FALSE(op.act(Action::apply, "a"));
    EXPECT_EQ(xen.find("a")->timeout, 250'000'000u) << "never longer";
    EXPECT_GT(clock.now() - begun, seconds(60));
    EXPECT_LT(op.cost().stalled * 30, clock.now() - begun);
}

TEST_F(OperatorTest, AHookIsNotRunAgainByItself) {
    xen.rendezvous = milliseconds(1000);
    ASSERT_TRUE(op.upload("a", make_payload({id("a")})));
    const int before = xen.calls;
    EXPECT_FALSE(op.act(Action::apply, "a", 0, true));
    EXPECT_EQ(op.cost().expired, 1u);
    EXPECT_EQ(xen.find("a")->timeout, 250'000'000u) << "all the time there is, at once";
    EXPECT_LT(xen.calls - before, 20);
}

TEST_F(OperatorTest, ARendezvousThatNeverSucceedsIsGivenUpAndChangesNothing) {
    xen.rendezvous = seconds(10);
    ASSERT_TRUE(op.upload("a", make_payload({id("a")})));
    auto done = op.act(Action::apply, "a");
    ASSERT_FALSE(done);
    EXPECT_EQ(code(done.error()), "host.rendezvous");
    EXPECT_EQ(failure_of(done.error()), Failure::environment);
    EXPECT_EQ(xen.find("a")->status.state, State::checked);
    EXPECT_LE(xen.find("a")->timeout, 4'294'967'295u);
}

TEST_F(OperatorTest, AStaleInProgressIsNotBelieved) {
    ASSERT_TRUE(op.upload("a", make_payload({id("a")})));
    xen.find("a")->status.rc = -EAGAIN; // as a schedule that failed leaves it
    auto done = op.act(Action::apply, "a");
    ASSERT_TRUE(done);
    EXPECT_EQ(xen.find("a")->status.state, State::applied);
    xen.find("a")->status.rc = -EAGAIN;
    EXPECT_FALSE(*op.act(Action::apply, "a")) << "applied, whatever the status says";
    xen.find("a")->status.rc = -EAGAIN;
    EXPECT_TRUE(*op.act(Action::revert, "a"));
    xen.find("a")->status.rc = -EAGAIN;
    EXPECT_TRUE(*op.act(Action::unload, "a"));
    EXPECT_EQ(xen.find("a"), nullptr);
}

TEST_F(OperatorTest, ATrueInProgressIsWaitedFor) {
    load("a", {id("a")});
    xen.latency = seconds(20); // another tool's revert, slower than we are patient
    ASSERT_TRUE(hv.act(Action::revert, "a", 4'000'000'000u, 0));
    auto done = op.act(Action::apply, "a");
    ASSERT_FALSE(done);
    EXPECT_EQ(code(done.error()), "host.busy");
    clock.sleep(seconds(20));
    xen.latency = milliseconds(1);
    ASSERT_TRUE(op.act(Action::apply, "a"));
    EXPECT_EQ(xen.find("a")->status.state, State::applied);
}

TEST_F(OperatorTest, ABusyHypervisorIsTriedAgain) {
    ASSERT_TRUE(op.upload("a", make_payload({id("a")})));
    xen.refuse_schedules = 3;
    ASSERT_TRUE(op.act(Action::apply, "a"));
    EXPECT_EQ(xen.find("a")->status.state, State::applied);
}

TEST_F(OperatorTest, WhatIsNotOnTopIsNotReverted) {
    load("a", {id("a")});
    load("b", {id("b"), id("a")});
    auto done = op.act(Action::revert, "a");
    ASSERT_FALSE(done);
    EXPECT_EQ(code(done.error()), "host.not-on-top");
    EXPECT_EQ(failure_of(done.error()), Failure::refused);
}

TEST_F(OperatorTest, EachRefusalHasItsOwnWords) {
    load("a", {id("a")});
    ASSERT_TRUE(op.upload("wrong", make_payload({id("c"), id("ff")})));
    EXPECT_EQ(code(op.act(Action::apply, "wrong").error()), "host.not-applicable");
    EXPECT_EQ(code(op.act(Action::unload, "a").error()), "host.applied");
    EXPECT_EQ(code(op.act(Action::apply, "none").error()), "host.absent");
    EXPECT_EQ(code(op.upload("a2", make_payload({id("a")})).error()), "host.exists");
    EXPECT_EQ(code(op.upload("x", make_payload({id("e"), xen_id, id("aa")})).error()),
              "host.invalid");
    xen.hypervisor_ids_with_veto.insert(id("d"));
    ASSERT_TRUE(op.upload("veto", make_payload({id("d")})));
    EXPECT_EQ(code(op.act(Action::replace, "veto").error()), "host.veto");
}

TEST_F(OperatorTest, DataOfItsOwnForbidsASecondApplication) {
    PayloadSpec spec{id("a")};
    spec.data = true;
    load("a", spec);
    ASSERT_TRUE(op.act(Action::revert, "a"));
    auto done = op.act(Action::apply, "a");
    ASSERT_FALSE(done);
    EXPECT_EQ(code(done.error()), "host.reapply");
}

TEST_F(OperatorTest, APayloadThatVanishesIsReported) {
    ASSERT_TRUE(op.upload("a", make_payload({id("a")})));
    xen.on_call = [](ScriptedXen& x, int) {
        if (x.find("a") && x.find("a")->pending)
            x.entries.clear();
    };
    auto done = op.act(Action::apply, "a");
    ASSERT_FALSE(done);
    EXPECT_EQ(code(done.error()), "host.vanished");
}

TEST_F(OperatorTest, AnInterruptedCallIsRepeated) {
    const int from = xen.calls;
    xen.fail_at = {{from + 1, EINTR}};
    ASSERT_TRUE(op.upload("a", make_payload({id("a")})));
    xen.fail_at = {{xen.calls + 1, EINTR}, {xen.calls + 3, EINTR}};
    ASSERT_TRUE(op.act(Action::apply, "a"));
    EXPECT_EQ(xen.find("a")->status.state, State::applied);
}

TEST_F(OperatorTest, PrivilegeInterfaceAndSupportAreTheEnvironment) {
    for (int error : {EPERM, EACCES, ENOSYS, ENOMEM}) {
        xen.fail_at = {{xen.calls + 1, error}};
        auto status = op.look("a");
        ASSERT_FALSE(status);
        EXPECT_EQ(failure_of(status.error()), Failure::environment) << error;
    }
}

} // namespace
} // namespace xlp::host::test
