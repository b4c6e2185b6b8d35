// SPDX-License-Identifier: GPL-2.0-only
// Payloads that the hypervisor lives through, taken or refused.
#include "tests/nested/fixture.h"

namespace xlp::qa {

using testing::Contains;
using testing::HasSubstr;

namespace {

constexpr char read_extra[] = "#!/bin/sh\ncat /sys/hypervisor/version/extra\n";

// What the probe said in a state, first occurrence.
std::string probed(const Outcome& o, const char* state) {
    return step(o, std::string("probe ") + state).output;
}

} // namespace

TEST_F(Nested, GoodPayloadPassesEveryStep) {
    Plan plan;
    plan.payloads = {assemble("good", {.extra = "-seen"})};
    plan.probe = script("probe", read_extra);
    Outcome o = run(plan);
    EXPECT_TRUE(o.passed()) << describe(o);
    // boot, probe, upload, twice (apply, probe, revert, probe), unload
    EXPECT_EQ(o.steps.size(), 12u);
    EXPECT_EQ(probed(o, "applied"), "-seen\n");
    EXPECT_NE(probed(o, "before"), "-seen\n");
    EXPECT_EQ(probed(o, "reverted"), probed(o, "before"));
    EXPECT_THAT(step(o, "apply good").log, Contains(HasSubstr("livepatch: good: Applying")));
}

TEST_F(Nested, ColdBootSaysTheSame) {
    settings.snapshot = false;
    Plan plan;
    plan.payloads = {assemble("cold", {})};
    plan.probe = script("probe", read_extra);
    plan.cycles = 1;
    Outcome o = run(plan);
    EXPECT_TRUE(o.passed()) << describe(o);
    EXPECT_FALSE(o.restored);
    EXPECT_EQ(probed(o, "applied"), "-patched\n");
}

TEST_F(Nested, StateThatDoesNotComeToLifeIsReplacedByABoot) {
    settings.cache = folder->path() / "cache";
    Plan plan;
    plan.payloads = {assemble("twice", {})};
    plan.cycles = 1;
    EXPECT_TRUE(run(plan).restored);
    unsigned damaged = 0;
    for (const auto& entry : fs::directory_iterator(settings.cache))
        if (entry.path().filename().string().starts_with("state-")) {
            fs::resize_file(entry.path(), 100000);
            ++damaged;
        }
    ASSERT_EQ(damaged, 1u);
    Outcome o = run(plan);
    EXPECT_TRUE(o.passed()) << describe(o);
    EXPECT_FALSE(o.restored);
    ASSERT_EQ(o.notes.size(), 1u);
    EXPECT_EQ(o.notes[0].code, "qa.restore-failed");
}

TEST_F(Nested, StackIsAppliedUpwardsAndRevertedDownwards) {
    Plan plan;
    plan.payloads = {assemble("lower", {.extra = "-lower", .own = "1111111111111111"}),
                     // its own symbol's name must differ: the loader refuses a second of the same
                     assemble("upper", {.extra = "-upper",
                                        .depends = "1111111111111111",
                                        .own = "2222222222222222",
                                        .options = {"-Dxlp_sample=xlp_sample_upper"}})};
    plan.probe = script("probe", read_extra);
    Outcome o = run(plan);
    EXPECT_TRUE(o.passed()) << describe(o);
    EXPECT_EQ(probed(o, "applied"), "-upper\n");
    EXPECT_EQ(probed(o, "reverted"), probed(o, "before"));
}

TEST_F(Nested, OtherHypervisorsPayloadIsRefusedAtUpload) {
    Plan plan;
    plan.payloads = {
        assemble("foreign", {.xen_depends = "00112233445566778899aabbccddeeff00112233"})};
    Outcome o = run(plan);
    EXPECT_FALSE(o.passed());
    EXPECT_FALSE(o.death);
    const StepResult upload = step(o, "upload foreign");
    EXPECT_EQ(upload.verdict, Verdict::failed);
    EXPECT_EQ(upload.error_number, EINVAL);
    EXPECT_THAT(upload.log, Contains(HasSubstr("check against hypervisor build-id failed")));
    EXPECT_EQ(step(o, "apply foreign").verdict, Verdict::skipped);
}

TEST_F(Nested, RawStepsShowTheErrnoOfWhatIsNoElf) {
    Scenario s;
    s.files = {regular_file("xlp/payloads/0", "this is no ELF file, though long enough for one: "
                                              "the header alone has sixty-four bytes")};
    s.steps = {raw_step("upload", "junk", guest_path(0))};
    auto bed = testbed();
    ASSERT_TRUE(bed);
    auto o = bed->run(s);
    ASSERT_TRUE(o);
    EXPECT_EQ(o->steps[1].verdict, Verdict::failed) << describe(*o);
    EXPECT_EQ(o->steps[1].error_number, EINVAL) << o->steps[1].output;
    EXPECT_THAT(o->steps[1].log, Contains(HasSubstr("Not an ELF payload")));
}

TEST_F(Nested, ProbeThatFailsFailsTheRunAndStopsNothing) {
    Plan plan;
    plan.payloads = {assemble("probed", {})};
    plan.probe = script("probe", "#!/bin/sh\ncat helper\n[ \"$1\" != applied ]\n");
    plan.files = {script("helper", "side by side\n")};
    plan.cycles = 1;
    Outcome o = run(plan);
    EXPECT_FALSE(o.passed());
    EXPECT_EQ(step(o, "probe applied").exit_code, 1);
    EXPECT_EQ(step(o, "probe before").output, "side by side\n");
    EXPECT_EQ(step(o, "unload probed").verdict, Verdict::passed) << describe(o);
}

} // namespace xlp::qa
