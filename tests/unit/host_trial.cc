// SPDX-License-Identifier: GPL-2.0-only
// What goes into effect is on trial until it has proved itself.
#include "host_disk.h"
#include "host_fixture.h"
#include "payload/base/file.h"
#include "tools/xlp/disk/journal.h"
#include "tools/xlp/disk/trial.h"

#include <cerrno>

namespace xlp::host::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct TrialTest : VerbTest {
    void check(const std::string& name, const std::string& script) {
        const fs::path f = root.paths.health() / name;
        fs::create_directories(f.parent_path());
        ASSERT_TRUE(write_file(f, "#!/bin/sh\n" + script, {.mode = 0755}));
    }
};

TEST_F(TrialTest, ACrashLeavesOutJustWhatWasOnTrialAndWhatStacksOnIt) {
    store("a", on("a"));
    ASSERT_EQ(xlp({"sync"}).code, 0);
    shut_down("second");
    ASSERT_EQ(xlp({"sync", "--boot"}).code, 0);
    clock.sleep(std::chrono::minutes(16));
    ASSERT_THAT(xlp({"settle"}).out, HasSubstr("Settled: a"));
    store("b", on("b", id("a")));
    store("c", on("c", id("b")));
    xen.refuses_expectations.insert(id("c")); // b alone is on trial
    EXPECT_EQ(xlp({"sync"}).code, 1);
    xen.refuses_expectations.clear();
    crash("third");
    const Ran r = xlp({"sync", "--boot"});
    EXPECT_EQ(r.code, 1);
    EXPECT_THAT(r.err, HasSubstr("sync.held"));
    EXPECT_THAT(r.err, HasSubstr("xlp sync --after-crash"));
    EXPECT_THAT(xen.stack, ElementsAre("a"));
    const Json j = xlp({"status", "--json"}).json();
    EXPECT_EQ(j["crashed"], true);
    EXPECT_EQ(j["held"][0]["name"], "b");
    for (const char* boot : {"fourth", "fifth"}) { // held until somebody says otherwise
        shut_down(boot);
        EXPECT_EQ(xlp({"sync", "--boot"}).code, 1);
        EXPECT_THAT(xen.stack, ElementsAre("a"));
    }
    EXPECT_EQ(xlp({"sync", "--after-crash"}).code, 0);
    EXPECT_THAT(xen.stack, ElementsAre("a", "b", "c"));
    EXPECT_EQ(xlp({"status", "--json"}).json()["crashed"], false);
}

TEST_F(TrialTest, ACrashInTheMiddleOfAnApplyIsOneToo) {
    store("one", on("a"));
    xen.on_call = [](ScriptedXen& x, int) {
        if (x.find("one") && x.find("one")->pending)
            throw Killed{}; // the host with it
    };
    EXPECT_THROW(xlp({"sync", "--boot"}), Killed);
    ::testing::internal::GetCapturedStdout();
    ::testing::internal::GetCapturedStderr();
    xen.on_call = nullptr;
    crash("second");
    EXPECT_EQ(xlp({"sync", "--boot"}).code, 1);
    EXPECT_THAT(xen.stack, IsEmpty());
}

TEST_F(TrialTest, AnotherHypervisorIsNotHeldBack) {
    store("one", on("a"));
    ASSERT_EQ(xlp({"sync"}).code, 0);
    crash("second");
    xen.identity.build_id = id("77");
    PayloadSpec other = on("b", id("77"));
    other.xen = id("77");
    store("other", other);
    EXPECT_EQ(xlp({"sync", "--boot"}).code, 0);
    EXPECT_THAT(xen.stack, ElementsAre("other"));
}

TEST_F(TrialTest, AnotherPayloadIsNotHeldBack) {
    const fs::path f = store("one", on("a"));
    ASSERT_EQ(xlp({"sync"}).code, 0);
    crash("second");
    fs::remove(f); // as an operator may do about it
    store("two", on("b"));
    EXPECT_EQ(xlp({"sync", "--boot"}).code, 0);
    EXPECT_THAT(xen.stack, ElementsAre("two"));
}

TEST_F(TrialTest, AShutdownAtAnyTimeIsNoCrash) {
    store("one", on("a"));
    ASSERT_EQ(xlp({"sync"}).code, 0);
    shut_down("second");
    EXPECT_EQ(xlp({"sync", "--boot"}).code, 0);
    EXPECT_THAT(xen.stack, ElementsAre("one"));
    // also after an xlp that was killed in the middle of an apply
    store("two", on("b", id("a")));
    xen.kill_after = xen.calls + 9;
    try {
        (void)xlp({"sync"});
    } catch (const Killed&) {
        ::testing::internal::GetCapturedStdout();
        ::testing::internal::GetCapturedStderr();
    }
    xen.kill_after.reset();
    shut_down("third");
    EXPECT_EQ(xlp({"sync", "--boot"}).code, 0);
    EXPECT_THAT(xen.stack, ElementsAre("one", "two"));
}

TEST_F(TrialTest, AnInterruptUndoesAndLeavesNoMark) {
    store("one", on("a"));
    store("two", on("b", id("a")));
    std::stop_source stop;
    machine.stop = stop.get_token();
    xen.on_call = [&](ScriptedXen& x, int) {
        if (x.find("two"))
            stop.request_stop();
    };
    const Ran r = xlp({"sync"});
    EXPECT_NE(r.code, 0);
    EXPECT_THAT(r.err, HasSubstr("interrupted"));
    EXPECT_THAT(xen.stack, ElementsAre("one")) << "what was done whole stays";
    EXPECT_EQ(xen.find("two"), nullptr);
    EXPECT_FALSE(fs::exists(root.paths.journal()));
}

TEST_F(TrialTest, AFailingHealthCheckTakesItOutAgain) {
    store("one", on("a"));
    ASSERT_EQ(xlp({"sync"}).code, 0);
    store("two", on("b", id("a")));
    check("10-fine", "exit 0\n");
    check("20-network", "echo \"the bridge is down after $XLP_PAYLOADS\"; exit 3\n");
    const Ran r = xlp({"sync"});
    EXPECT_EQ(r.code, 1);
    EXPECT_THAT(r.err, HasSubstr("health.failed"));
    EXPECT_THAT(r.err, HasSubstr("the bridge is down after two"));
    EXPECT_THAT(xen.stack, ElementsAre("one"));
    EXPECT_EQ(xlp({"load", file("x", on("c", id("a")))}).code, 1);
    ASSERT_EQ(xen.stack.size(), 1u);
    fs::remove(root.paths.health() / "20-network");
    EXPECT_EQ(xlp({"sync"}).code, 0);
    EXPECT_THAT(xen.stack, ElementsAre("one", "two"));
}

TEST_F(TrialTest, AnExchangeIsUndoneByAHealthCheckToo) {
    store("one", on("a"), {"XSA-1"});
    ASSERT_EQ(xlp({"sync"}).code, 0);
    store("all", on("c"), {"XSA-1"}, {id("a")});
    check("no", "exit 1\n");
    EXPECT_EQ(xlp({"sync"}).code, 1);
    EXPECT_THAT(xen.stack, ElementsAre("one"));
}

TEST_F(TrialTest, AHealthCheckThatHangsFails) {
    configure("health-limit = \"200ms\"\n");
    check("hangs", "sleep 60\n");
    EXPECT_EQ(xlp({"load", file("a", on("a"))}).code, 1);
    EXPECT_THAT(xen.stack, IsEmpty());
}

TEST_F(TrialTest, AHealthCheckOfOthersIsNotRun) {
    check("theirs", "exit 0\n");
    fs::permissions(root.paths.health() / "theirs", fs::perms::others_write, fs::perm_options::add);
    const Ran r = xlp({"load", file("a", on("a"))});
    EXPECT_EQ(r.code, 1);
    EXPECT_THAT(r.err, HasSubstr("trust.mode"));
    EXPECT_THAT(xen.stack, IsEmpty());
}

TEST_F(TrialTest, AHealthCheckThatIsNotRunIsNamed) {
    for (const char* other : {"10-check~", ".hidden", "10-check.dpkg-old", "10-check.rpmsave"})
        check(other, "exit 1\n"); // of editors and package managers
    check("10-check.sh", "exit 0\n");
    check("20-check", "exit 1\n");
    fs::permissions(root.paths.health() / "20-check", fs::perms::owner_read);
    fs::create_symlink("nowhere", root.paths.health() / "30-check");
    fs::create_directories(root.paths.health() / "folder");
    const Ran r = xlp({"load", file("a", on("a"))});
    EXPECT_EQ(r.code, 0) << r.err;
    EXPECT_THAT(r.err, HasSubstr("health.skipped"));
    EXPECT_THAT(r.err, HasSubstr("20-check"));
    EXPECT_THAT(r.err, HasSubstr("30-check"));
    EXPECT_EQ(r.err.find("10-check"), std::string::npos) << r.err;
    EXPECT_EQ(r.err.find("folder"), std::string::npos);
    EXPECT_THAT(xen.stack, ElementsAre("a"));
    check("10-check.sh", "exit 1\n");
    EXPECT_EQ(xlp({"load", file("b", on("b", id("a")))}).code, 1) << "an ending is no reason";
}

TEST_F(TrialTest, TheOperatorsHoldIsHeeded) {
    store("one", on("a"));
    store("two", on("b", id("a")));
    fs::create_directories(root.paths.holds());
    ASSERT_TRUE(write_file(root.paths.holds() / xen_id, "# too new\n" + id("b") + "  # two\n"));
    const Ran r = xlp({"sync"});
    EXPECT_EQ(r.code, 0);
    EXPECT_THAT(r.err, HasSubstr("store.held"));
    EXPECT_THAT(xen.stack, ElementsAre("one"));
}

// Each boot puts settled payloads on trial again. A power cut then costs no protection, and a
// payload that kills the host then does it twice at most.
TEST_F(TrialTest, WhatHasSettledIsHeldOnlyAfterASecondUncleanEnd) {
    store("a", on("a"));
    ASSERT_EQ(xlp({"sync"}).code, 0);
    shut_down("second");
    ASSERT_EQ(xlp({"sync", "--boot"}).code, 0);
    crash("third");
    const Ran r = xlp({"sync", "--boot"});
    EXPECT_EQ(r.code, 0);
    EXPECT_THAT(r.err, HasSubstr("host.went-down"));
    EXPECT_THAT(xen.stack, ElementsAre("a"));
    EXPECT_EQ(xlp({"status", "--json"}).json()["crashed"], false);
    crash("fourth");
    EXPECT_EQ(xlp({"status", "--json"}).json()["crashed"], true) << "also before a sync";
    EXPECT_EQ(xlp({"sync", "--boot"}).code, 1);
    EXPECT_THAT(xen.stack, IsEmpty());
    EXPECT_EQ(xlp({"sync", "--after-crash"}).code, 0);
    crash("fifth");
    EXPECT_EQ(xlp({"sync", "--boot"}).code, 1) << "it has to settle again first";
}

TEST_F(TrialTest, SettlingForgivesAnUncleanEnd) {
    store("a", on("a"));
    ASSERT_EQ(xlp({"sync"}).code, 0);
    shut_down("second");
    for (const char* boot : {"third", "fourth"}) {
        ASSERT_EQ(xlp({"sync", "--boot"}).code, 0);
        shut_down(boot);
        ASSERT_EQ(xlp({"sync", "--boot"}).code, 0);
        crash(std::string(boot) + " again");
    }
    EXPECT_EQ(xlp({"sync", "--boot"}).code, 0);
    EXPECT_THAT(xen.stack, ElementsAre("a"));
}

TEST_F(TrialTest, ANewPayloadIsBlamedBeforeOneThatHasSettled) {
    store("a", on("a"));
    ASSERT_EQ(xlp({"sync"}).code, 0);
    shut_down("second");
    store("b", on("b", id("a")));
    ASSERT_EQ(xlp({"sync", "--boot"}).code, 0);
    crash("third");
    EXPECT_EQ(xlp({"sync", "--boot"}).code, 1);
    EXPECT_THAT(xen.stack, ElementsAre("a"));
    crash("fourth"); // the first one of `a`
    EXPECT_EQ(xlp({"sync", "--boot"}).code, 1);
    EXPECT_THAT(xen.stack, ElementsAre("a"));
}

// A power cut between any two writes after the boot counts the unclean end once.
TEST_F(TrialTest, AnUncleanEndCountsOnceWhereverWritingStops) {
    for (int writes = 0; writes < 6; ++writes) {
        SCOPED_TRACE(writes);
        store("a", on("a"));
        fs::remove(root.paths.held());
        ASSERT_EQ(xlp({"sync", "--after-crash"}).code, 0);
        shut_down("next " + std::to_string(writes));
        ASSERT_EQ(xlp({"sync", "--boot"}).code, 0);
        crash("cut " + std::to_string(writes));
        int left = writes;
        {
            const DiskHook full([&](const std::string& path) {
                const bool ours = path.starts_with(root.paths.state().string());
                return ours && left-- <= 0 ? EIO : 0;
            });
            (void)xlp({"sync", "--boot"});
        }
        xen.entries.clear();
        xen.stack.clear();
        EXPECT_EQ(xlp({"sync", "--boot"}).code, 0) << "the same boot, as if it began here";
        EXPECT_THAT(xen.stack, ElementsAre("a"));
        shut_down("end " + std::to_string(writes));
    }
}

TEST_F(TrialTest, ADamagedListOfSettledPayloadsMakesThemNew) {
    store("a", on("a"));
    ASSERT_EQ(xlp({"sync"}).code, 0);
    shut_down("second");
    ASSERT_TRUE(write_file(root.paths.settled(), "damaged"));
    ASSERT_EQ(xlp({"sync", "--boot"}).code, 0);
    crash("third");
    EXPECT_EQ(xlp({"sync", "--boot"}).code, 1);
}

// Nothing but the apply itself shows that a payload runs.
TEST_F(TrialTest, WhatWasNeverSeenAppliedHasNotSettled) {
    store("a", on("a"));
    xen.on_call = [](ScriptedXen& x, int) {
        if (x.find("a"))
            throw Killed{}; // xlp, before the apply
    };
    EXPECT_THROW(xlp({"sync"}), Killed);
    ::testing::internal::GetCapturedStdout();
    ::testing::internal::GetCapturedStderr();
    xen.on_call = nullptr;
    shut_down("second");
    ASSERT_EQ(xlp({"sync", "--boot"}).code, 0);
    crash("third"); // its first time
    EXPECT_EQ(xlp({"sync", "--boot"}).code, 1);
    EXPECT_THAT(xen.stack, IsEmpty());
}

TEST_F(TrialTest, ADamagedConfigurationDoesNotMakeAShutdownACrash) {
    store("a", on("a"));
    ASSERT_EQ(xlp({"sync"}).code, 0);
    configure("nonsense\n");
    const Ran r = xlp({"settle", "--now"});
    EXPECT_EQ(r.code, 0);
    EXPECT_THAT(r.err, HasSubstr("config.malformed"));
    fs::remove(root.paths.config());
    crash("second");
    EXPECT_EQ(xlp({"sync", "--boot"}).code, 0);
    EXPECT_THAT(xen.stack, ElementsAre("a"));
}

TEST_F(TrialTest, AnUncleanEndOfSettledPayloadsIsSeenUntilTheySettleAgain) {
    store("a", on("a"), {"XSA-1"});
    index();
    ASSERT_EQ(xlp({"sync"}).code, 0);
    shut_down("second");
    ASSERT_EQ(xlp({"sync", "--boot"}).code, 0);
    EXPECT_EQ(xlp({"status", "--monitor"}).code, 0);
    crash("third");
    ASSERT_EQ(compat({"list"}).code, 0);
    ASSERT_EQ(xlp({"sync", "--boot"}).code, 0);
    EXPECT_EQ(xlp({"status", "--json"}).json()["went_down"], Json({"a"}));
    EXPECT_EQ(xlp({"status", "--monitor"}).code, 1);
    const fs::path metrics = root.paths.root / "metrics";
    ASSERT_EQ(xlp({"status", "--prometheus", metrics}).code, 0);
    EXPECT_THAT(*read_text(metrics), HasSubstr("\nxlp_went_down 1\n"));
    ASSERT_EQ(xlp({"settle", "--now"}).code, 0);
    EXPECT_EQ(xlp({"status", "--monitor"}).code, 0);
}

// xlp was killed while the checks ran: nobody knows what they would have said.
TEST_F(TrialTest, WhatWasNotCheckedToTheEndIsUndone) {
    ASSERT_EQ(xlp({"load", file("a", on("a"))}).code, 0);
    Journal j{"load", {}, xen.snapshot(), {}, false, true};
    ASSERT_TRUE(write_journal(root.paths, j));
    const Ran r = xlp({"sync"});
    EXPECT_THAT(r.err, HasSubstr("host.repaired"));
    EXPECT_THAT(xen.stack, IsEmpty());
    ASSERT_EQ(xlp({"load", file("a", on("a"))}).code, 0);
    j.unchecked = false;
    ASSERT_TRUE(write_journal(root.paths, j));
    ASSERT_EQ(xlp({"sync"}).code, 0);
    EXPECT_THAT(xen.stack, ElementsAre("a"));
}

TEST_F(TrialTest, AHealthCheckThatLeavesSomethingRunningIsNotWaitedFor) {
    check("daemon", "setsid sleep 30 &\nexit 0\n");
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(xlp({"load", file("a", on("a"))}).code, 0);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
    EXPECT_THAT(xen.stack, ElementsAre("a"));
}

// The same words as for what is in the store.
TEST_F(TrialTest, WhatIsHeldBackIsNotLoadedByHandEither) {
    const std::string f = file("a", on("a"));
    ASSERT_EQ(xlp({"load", f}).code, 0);
    crash("second");
    Ran r = xlp({"load", f});
    EXPECT_EQ(r.code, 1);
    EXPECT_THAT(r.err, HasSubstr("preflight.held"));
    EXPECT_NE(compat({"load", f}).code, 0);
    EXPECT_THAT(xen.stack, IsEmpty());
    ASSERT_EQ(xlp({"sync", "--after-crash"}).code, 0);
    EXPECT_EQ(xlp({"load", f}).code, 0);
    shut_down("third");
    fs::create_directories(root.paths.holds());
    ASSERT_TRUE(write_file(root.paths.holds() / xen_id, id("a") + "\n"));
    EXPECT_EQ(xlp({"load", f}).code, 1);
    EXPECT_NE(compat({"upload", "a", f}).code, 0);
    EXPECT_EQ(xlp({"load", "--force", f}).code, 0);
    EXPECT_THAT(xen.stack, ElementsAre("a"));
}

TEST_F(TrialTest, ARecordThatCannotBeReadHoldsEverythingUntilAWord) {
    store("one", on("a"));
    fs::create_directories(root.paths.state());
    ASSERT_TRUE(write_file(root.paths.trial(), "damaged"));
    EXPECT_EQ(xlp({"sync", "--boot"}).code, 1);
    EXPECT_THAT(xen.stack, IsEmpty());
    EXPECT_EQ(xlp({"sync", "--after-crash"}).code, 0);
    EXPECT_THAT(xen.stack, ElementsAre("one"));
}

} // namespace
} // namespace xlp::host::test
