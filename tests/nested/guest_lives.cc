// SPDX-License-Identifier: GPL-2.0-only
// A guest beside dom0, which calls the hypervisor all the time and notes what it is told: payloads
// come and go under it, it sees each of them do so, and it never stops.
#include "payload/base/file.h"
#include "tests/nested/fixture.h"

#include "tools/xlp-qa/scenario/guest.h"

namespace xlp::qa {

using testing::Each;
using testing::HasSubstr;

namespace {

// The program of guest/main.cc with its libraries, and the kernel of guest/kernel.S.
std::vector<Member> guest_files(const fs::path& folder) {
    const fs::path program = folder / "nested_guest";
    auto members = shared_libraries(program);
    auto bytes = read_text(program);
    auto kernel = read_text(folder / "kernel");
    EXPECT_TRUE(members && bytes && kernel);
    if (!members || !bytes || !kernel)
        return {};
    members->push_back(regular_file("g/guest", *bytes, true));
    members->push_back(regular_file("g/kernel", *kernel));
    return *members;
}

constexpr char start[] = "cat /sys/hypervisor/version/extra >/run/original\n"
                         "/g/guest start /g/kernel >/run/guest && "
                         "/g/guest await $(cat /run/guest) \"$(cat /run/original)\"";

constexpr char cycles[] = "g=$(cat /run/guest) original=$(cat /run/original) i=0\n"
                          "while [ $i -lt 100 ]; do\n"
                          "  $XLP apply -q a && /g/guest await $g -a >/dev/null || exit 1\n"
                          "  $XLP revert -q a && /g/guest await $g \"$original\" || exit 1\n"
                          "  i=$((i + 1))\n"
                          "done";

} // namespace

TEST_F(Nested, AGuestStaysAliveThroughAHundredAppliesAndReverts) {
    if (!*XLP_GUEST && getenv("XLP_REQUIRE_NESTED"))
        FAIL() << "XLP_REQUIRE_NESTED is set, and libxen-dev was not there for the guest.";
    if (!*XLP_GUEST)
        GTEST_SKIP() << "No guest: install libxen-dev and configure again.";
    Scenario s;
    s.files = guest_files(XLP_GUEST);
    s.files.push_back(regular_file("p/a.livepatch", assemble("a", {.extra = "-a"}).bytes));
    s.steps = {{"start", "script", "", start},
               {"upload", "script", "", "$XLP upload a /p/a.livepatch"},
               {"cycles", "script", "", cycles},
               {"destroy", "script", "", "/g/guest destroy $(cat /run/guest)"}};
    auto bed = testbed();
    ASSERT_TRUE(bed);
    auto o = bed->run(s);
    ASSERT_TRUE(o);
    EXPECT_TRUE(o->passed()) << describe(*o);
    // it saw every single change, and none besides
    EXPECT_THAT(step(*o, "cycles").output, HasSubstr(" changes=200 "));
    EXPECT_THAT(step(*o, "cycles").log, Each(HasSubstr("livepatch: ")));
    EXPECT_THAT(step(*o, "destroy").log, testing::IsEmpty());
}

} // namespace xlp::qa
