// SPDX-License-Identifier: GPL-2.0-only
// Payloads that the hypervisor does not survive: each ends in a verdict with the step, the manner
// and the place, and the machine is gone (Nested::TearDown).
#include "tests/nested/fixture.h"

namespace xlp::qa {

using testing::HasSubstr;
using testing::StartsWith;

namespace {
constexpr char read_extra[] = "#!/bin/sh\ncat /sys/hypervisor/version/extra\n";
}

TEST_F(Nested, InvalidOpcodeAtApplyIsAPanicAtItsPlace) {
    Plan plan;
    plan.payloads = {assemble("die", {.options = {"-DDIE_AT_APPLY"}})};
    Outcome o = run(plan);
    ASSERT_TRUE(o.death) << describe(o);
    EXPECT_EQ(step(o, "upload die").verdict, Verdict::passed);
    EXPECT_EQ(step(o, "apply die").verdict, Verdict::died);
    EXPECT_EQ(step(o, "unload die").verdict, Verdict::skipped);
    EXPECT_EQ(o.death->kind, DeathKind::panic);
    EXPECT_THAT(o.death->reason, HasSubstr("invalid opcode"));
    EXPECT_THAT(o.death->place, StartsWith("xlp_die+"));
    EXPECT_THAT(o.death->trace, testing::SizeIs(testing::Ge(2)));
}

TEST_F(Nested, UnmappedOldAddressIsAPageFaultAtUpload) {
    Plan plan;
    // above the hypervisor, where nothing is mapped; where .init was, xlp refuses by itself
    plan.payloads = {assemble("init", {.options = {"-DOLD_ADDRESS=0xffff82d060000000"}})};
    Outcome o = run(plan);
    ASSERT_TRUE(o.death) << describe(o);
    EXPECT_EQ(step(o, "upload init").verdict, Verdict::died);
    EXPECT_THAT(o.death->reason,
                testing::AllOf(StartsWith("FATAL PAGE FAULT"), HasSubstr("ffff82d060000000")));
}

TEST_F(Nested, ResetWithoutAWordIsToldAsSuch) {
    Plan plan;
    plan.payloads = {assemble("reset", {.options = {"-DRESET_WHEN_CALLED"}})};
    plan.probe = script("probe", read_extra);
    Outcome o = run(plan);
    ASSERT_TRUE(o.death) << describe(o);
    EXPECT_EQ(step(o, "probe applied").verdict, Verdict::died);
    EXPECT_EQ(o.death->kind, DeathKind::reset);
}

TEST_F(Nested, SilenceIsAHang) {
    settings.silence = std::chrono::seconds(20);
    Plan plan;
    plan.payloads = {assemble("hang", {.options = {"-DHANG_WHEN_CALLED"}})};
    plan.probe = script("probe", read_extra);
    Outcome o = run(plan);
    ASSERT_TRUE(o.death) << describe(o);
    EXPECT_EQ(step(o, "probe applied").verdict, Verdict::died);
    EXPECT_EQ(o.death->kind, DeathKind::hang);
    EXPECT_FALSE(o.death->place.empty());
}

// xen_extra_version() is also called to print the head of a crash report.
TEST_F(Nested, FaultInTheReportOfAFaultComesToAnEnd) {
    Plan plan;
    plan.payloads = {assemble("loop", {.options = {"-DDIE_WHEN_CALLED"}})};
    plan.probe = script("probe", read_extra);
    Outcome o = run(plan);
    ASSERT_TRUE(o.death) << describe(o);
    EXPECT_EQ(o.death->kind, DeathKind::panic);
    EXPECT_THAT(o.death->reason, HasSubstr("DOUBLE FAULT"));
}

TEST_F(Nested, CrashOfDom0IsNotTheHypervisors) {
    Plan plan;
    plan.payloads = {assemble("bystander", {})};
    plan.probe = script("probe", "#!/bin/sh\necho c >/proc/sysrq-trigger\n");
    Outcome o = run(plan);
    ASSERT_TRUE(o.death) << describe(o);
    EXPECT_EQ(step(o, "probe before").verdict, Verdict::died);
    EXPECT_EQ(o.death->kind, DeathKind::dom0_crash) << o.death->reason;
    EXPECT_THAT(o.death->reason, HasSubstr("Kernel panic"));
}

} // namespace xlp::qa
