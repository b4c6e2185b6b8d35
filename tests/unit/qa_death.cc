// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-qa/scenario/death.h"

#include <gtest/gtest.h>

namespace xlp::qa {

namespace {

void say(Autopsy& a, std::initializer_list<const char*> lines) {
    for (const char* l : lines)
        a.feed({Speaker::hypervisor, l});
}

void dump(Autopsy& a, const char* place) {
    say(a, {"----[ Xen-4.17.5  x86_64  debug=n  Not tainted ]----", "CPU:    0"});
    a.feed({Speaker::hypervisor, std::string("RIP:    e008:[<ffff82d0405d1010>] ") + place});
    say(a, {"RFLAGS: 0000000000000002   CONTEXT: hypervisor", "Xen call trace:"});
    a.feed({Speaker::hypervisor, std::string("   [<ffff82d0405d1010>] R ") + place});
    say(a, {"   [<ffff82d040221965>] S common/livepatch.c#apply_payload+0x45/0x90", ""});
}

} // namespace

TEST(Autopsy, PanicHasReasonPlaceAndTrace) {
    Autopsy a;
    dump(a, "bad+0x4/0x6 [fix]");
    EXPECT_FALSE(a.dying());
    say(a, {"****************************************", "Panic on CPU 0:"});
    EXPECT_TRUE(a.dying());
    say(a, {"FATAL TRAP: vector = 6 (invalid opcode)", "****", ""});
    EXPECT_FALSE(a.complete());
    say(a, {"Reboot in five seconds..."});
    EXPECT_TRUE(a.complete());
    Death d = a.conclude(DeathKind::reset, "gone");
    EXPECT_EQ(d.kind, DeathKind::panic);
    EXPECT_EQ(d.reason, "FATAL TRAP: vector = 6 (invalid opcode)");
    EXPECT_EQ(d.place, "bad+0x4/0x6 [fix]");
    EXPECT_EQ(d.trace, (std::vector<std::string>{"bad+0x4/0x6 [fix]",
                                                 "common/livepatch.c#apply_payload+0x45/0x90"}));
}

TEST(Autopsy, PageFaultNamesTheAddress) {
    Autopsy a;
    dump(a, "f+0/1");
    say(a, {"Panic on CPU 0:", "FATAL PAGE FAULT", "[error_code=0000]",
            "Faulting linear address: ffff82d040400000", "Reboot in five seconds..."});
    EXPECT_EQ(a.conclude(DeathKind::reset, "").reason,
              "FATAL PAGE FAULT, faulting linear address: ffff82d040400000");
}

TEST(Autopsy, WarningIsNoDeath) {
    Autopsy a;
    say(a, {"Xen WARN at common/page_alloc.c:123"});
    dump(a, "warner+0x1/0x2");
    EXPECT_FALSE(a.dying());
    Death d = a.conclude(DeathKind::hang, "no output for 5 s");
    EXPECT_EQ(d.kind, DeathKind::hang);
    EXPECT_EQ(d.reason, "no output for 5 s");
    EXPECT_TRUE(d.place.empty());
}

TEST(Autopsy, DumpAfterAWarningsReplacesIt) {
    Autopsy a;
    dump(a, "warner+0x1/0x2");
    dump(a, "killer+0x1/0x2");
    say(a, {"Panic on CPU 0:", "Xen BUG at common/x.c:7", "Reboot in five seconds..."});
    Death d = a.conclude(DeathKind::reset, "");
    EXPECT_EQ(d.place, "killer+0x1/0x2");
    EXPECT_EQ(d.reason, "Xen BUG at common/x.c:7");
}

TEST(Autopsy, EndlessReportsComeToAnEnd) {
    Autopsy faults;
    for (int i = 0; i < 10; ++i)
        say(faults, {"*** DOUBLE FAULT ***"});
    EXPECT_TRUE(faults.complete());
    EXPECT_EQ(faults.conclude(DeathKind::hang, "").reason, "DOUBLE FAULT");

    Autopsy dumps;
    for (int i = 0; i < 10; ++i)
        say(dumps, {"----[ Xen-4.17.5  x86_64  debug=n  Not tainted ]----", "CPU:    0",
                    "RIP:    e008:[<ffff82d0405d1010>] first+0x1/0x2"});
    EXPECT_TRUE(dumps.complete());
    EXPECT_EQ(dumps.conclude(DeathKind::hang, "").kind, DeathKind::panic);
    EXPECT_EQ(dumps.conclude(DeathKind::hang, "").place, "first+0x1/0x2");

    Autopsy words;
    say(words, {"Panic on CPU 0:", "Something"});
    for (int i = 0; i < 1000; ++i)
        say(words, {"and more"});
    EXPECT_TRUE(words.complete());
    EXPECT_LE(words.conclude(DeathKind::hang, "").log.size(), 200u);
}

TEST(Autopsy, RestartedDom0IsItsOwnKindOfDeath) {
    Autopsy a;
    a.feed({Speaker::other, "[    3.1] Kernel panic - not syncing: sysrq triggered crash"});
    say(a, {"Hardware Dom0 crashed: rebooting machine in 5 seconds."});
    EXPECT_TRUE(a.complete());
    Death d = a.conclude(DeathKind::reset, "");
    EXPECT_EQ(d.kind, DeathKind::dom0_crash);
    EXPECT_EQ(d.reason, "Kernel panic - not syncing: sysrq triggered crash");
}

TEST(Autopsy, WithoutWordsTheMachinesOwnEndCounts) {
    Autopsy a;
    say(a, {"livepatch: fix: Applying 1 functions"});
    Death d = a.conclude(DeathKind::reset, "guest-reset");
    EXPECT_EQ(d.kind, DeathKind::reset);
    EXPECT_EQ(d.reason, "guest-reset");
}

} // namespace xlp::qa
