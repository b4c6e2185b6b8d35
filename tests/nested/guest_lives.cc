// SPDX-License-Identifier: GPL-2.0-only
// Guests beside dom0, of every kind, which call the hypervisor all the time and note what they are
// told: payloads come and go under them, they see each of them do so, and they never stop.
#include "payload/base/file.h"
#include "tests/nested/fixture.h"

namespace xlp::qa {

using testing::Each;
using testing::HasSubstr;

namespace {

constexpr char cycles[] = "original=$(cat /sys/hypervisor/version/extra) i=0\n"
                          "while [ $i -lt 100 ]; do\n"
                          "  $XLP apply -q a && $GUEST await -a || exit 1\n"
                          "  $XLP revert -q a && $GUEST await \"$original\" || exit 1\n"
                          "  i=$((i + 1))\n"
                          "done\n"
                          "$GUEST check";

Inmate inmate(const char* kind, const char* kernel) {
    auto bytes = read_text(fs::path(XLP_GUESTS) / kernel);
    EXPECT_TRUE(bytes);
    return {kind, bytes ? *bytes : "", 1, 8, 1};
}

class NestedGuests : public Nested {
protected:
    void SetUp() override {
        Nested::SetUp();
        require_launcher();
    }
};

} // namespace

TEST_F(NestedGuests, OneOfEachKindStaysAliveThroughAHundredAppliesAndReverts) {
    settings.silence = std::chrono::minutes(10); // the cycles are one step, three guests beside it
    Scenario s;
    add_inmates(s, {inmate("pv", "kernel"), inmate("pvh", "kernel32"), inmate("hvm", "kernel32")});
    s.files.push_back(regular_file("p/a.livepatch", assemble("a", {.extra = "-a"}).bytes));
    s.steps.push_back({"upload", "script", "", "$XLP upload a /p/a.livepatch"});
    s.steps.push_back({"cycles", "script", "", cycles});
    s.steps.push_back(inmates_end());
    auto bed = testbed();
    ASSERT_TRUE(bed);
    auto o = bed->run(s);
    ASSERT_TRUE(o);
    EXPECT_TRUE(o->passed()) << describe(*o);
    // each saw every single change, and none besides
    const std::string& said = step(*o, "cycles").output;
    for (const char* kind : {"(pv)", "(pvh)", "(hvm)"})
        EXPECT_THAT(said, testing::ContainsRegex(std::string("\\") + kind[0]
                                                 + std::string(kind + 1, strlen(kind) - 2)
                                                 + "\\) goes on, rounds [0-9]+, changes 200, "));
    EXPECT_THAT(step(*o, "cycles").log, Each(HasSubstr("livepatch: ")));
}

TEST_F(NestedGuests, TheirLongestPauseIsToldForEachStep) {
    Plan plan;
    plan.payloads = {assemble("a", {.extra = "-a"})};
    plan.cycles = 1;
    plan.inmates = {inmate("pvh", "kernel32")};
    Outcome o = run(plan);
    EXPECT_TRUE(o.passed()) << describe(o);
    EXPECT_TRUE(longest_pause(o, "idle"));
    EXPECT_TRUE(longest_pause(o, "apply"));
    EXPECT_GT(longest_pause(o, "apply").value_or(0), 0.0);
}

} // namespace xlp::qa
