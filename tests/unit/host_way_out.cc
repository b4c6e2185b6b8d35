// SPDX-License-Identifier: GPL-2.0-only
// There is always a way out, what others did is respected, and every change leaves its trail.
#include "host_fixture.h"
#include "host_scenarios.h"
#include "payload/base/file.h"

#include <cerrno>

namespace xlp::host::test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

struct WayOut : VerbTest {
    // What another tool does, to its end.
    void other(Action a, std::string name) {
        ScriptedHypervisor hv(xen);
        ASSERT_TRUE(hv.act(a, name, 30'000'000, 0));
        clock.sleep(std::chrono::seconds(1));
        (void)hv.list();
    }
    // A sync that is killed, and cannot be undone by the next.
    void lock_out() {
        store("a", on("a"));
        ASSERT_EQ(xlp({"sync"}).code, 0);
        ASSERT_EQ(xlp({"load", file("b", on("b", id("a")))}).code, 0);
        PayloadSpec c = on("c", id("b"));
        c.data = true;
        xen.kill_after = xen.calls + 13;
        try {
            (void)xlp({"load", file("c", c), file("d", on("d", id("c")))});
            FAIL() << "it should not have lived";
        } catch (const Killed&) {
            ::testing::internal::GetCapturedStdout();
            ::testing::internal::GetCapturedStderr();
        }
        xen.kill_after.reset();
        ASSERT_TRUE(fs::exists(root.paths.journal()));
    }
};

TEST_F(WayOut, RevertAndUnloadWorkWhileARepairIsDue) {
    lock_out();
    const Ran r = xlp({"unload", "c"});
    const Ran s = r.code ? xlp({"revert", "c"}) : r;
    EXPECT_EQ(s.code, 0) << s.err;
    EXPECT_THAT(s.err, HasSubstr("host.let-go"));
    EXPECT_FALSE(fs::exists(root.paths.journal()));
    EXPECT_EQ(xlp({"revert", "b"}).code, 0);
    EXPECT_THAT(xen.stack, ElementsAre("a")) << "nothing was applied again";
}

// What cannot be brought back any more is given up by the same word.
TEST_F(WayOut, UnloadOfWhatARepairMissesGivesItUp) {
    Journal j{"load", {}, {}, {"a"}, false, false};
    ASSERT_EQ(xlp({"load", file("a", on("a"))}).code, 0);
    j.before = xen.snapshot();
    j.after = j.before;
    j.after.entries.front().name = "n";
    other(Action::revert, "a");
    other(Action::unload, "a");
    fs::remove_all(root.paths.spool());
    ASSERT_TRUE(write_journal(root.paths, j));
    ASSERT_EQ(xlp({"load", file("b", on("b"))}).code, 4) << "it cannot be repaired";
    const Ran r = xlp({"unload", "a"});
    EXPECT_EQ(r.code, 0) << r.err;
    EXPECT_THAT(r.err, HasSubstr("host.let-go"));
    EXPECT_EQ(xlp({"load", file("b", on("b"))}).code, 0);
    EXPECT_EQ(xlp({"unload", "c"}).code, 1) << "absent, and nobody's business";
}

TEST_F(WayOut, AnInterruptedOperationDoesNotBringBackWhatSomebodyTookOut) {
    lock_out();
    clock.sleep(std::chrono::seconds(1)); // what is under way ends first
    (void)ScriptedHypervisor(xen).list();
    while (xen.stack.size() > 1 && !HasFatalFailure())
        other(Action::revert, xen.stack.back());
    ASSERT_EQ(xlp({"sync"}).code, 0);
    EXPECT_THAT(xen.stack, ElementsAre("a")) << "b was none of the load's business";
}

TEST_F(WayOut, ADamagedConfigurationDoesNotKeepAPayloadIn) {
    ASSERT_EQ(xlp({"load", file("a", on("a"))}).code, 0);
    configure("nonsense\n");
    EXPECT_EQ(xlp({"list"}).code, 0);
    EXPECT_EQ(xlp({"revert", "a"}).code, 0);
    EXPECT_EQ(compat({"unload", "a"}).code, 0);
}

TEST_F(WayOut, NothingIsTakenDownThatCouldNotBePutBack) {
    ScriptedHypervisor hv(xen);
    ASSERT_TRUE(hv.upload("theirs", make_payload(on("f")), false));
    other(Action::apply, "theirs");
    ASSERT_EQ(xlp({"upload", "new", file("new", on("a"))}).code, 0);
    const Ran r = xlp({"replace", "new"});
    EXPECT_EQ(r.code, 1);
    EXPECT_THAT(r.err, HasSubstr("host.no-bytes"));
    EXPECT_THAT(xen.stack, ElementsAre("theirs"));
    EXPECT_EQ(xlp({"replace", "new", "--force"}).code, 0);
    EXPECT_THAT(xen.stack, ElementsAre("new"));
}

TEST_F(WayOut, ADirtyPayloadDoesNotReplace) {
    PayloadSpec spec = on("a");
    spec.data = true;
    ASSERT_EQ(xlp({"load", file("a", spec)}).code, 0);
    ASSERT_EQ(xlp({"revert", "a"}).code, 0);
    ASSERT_EQ(xlp({"load", file("b", on("b"))}).code, 0);
    const Ran r = xlp({"replace", "a"});
    EXPECT_EQ(r.code, 1);
    EXPECT_THAT(r.err, HasSubstr("host.reapply"));
    EXPECT_THAT(xen.stack, ElementsAre("b"));
}

TEST_F(WayOut, LoadOfWhatIsInEffectIsDone) {
    const std::string f = file("a", on("a"));
    ASSERT_EQ(xlp({"load", f}).code, 0);
    const Ran r = xlp({"load", f});
    EXPECT_EQ(r.code, 0);
    EXPECT_EQ(r.out, "a: already applied\n");
    EXPECT_EQ(xlp({"load", f, file("b", on("b", id("a")))}).code, 0);
    EXPECT_THAT(xen.stack, ElementsAre("a", "b"));
}

TEST_F(WayOut, AHookThatRanIsNotRunAgainByItself) {
    PayloadSpec spec = on("a");
    spec.preapply = true;
    xen.rendezvous = std::chrono::seconds(2);
    const Ran r = xlp({"load", file("a", spec)});
    EXPECT_EQ(r.code, 4);
    EXPECT_THAT(r.err, HasSubstr("Its hook has run"));
}

TEST_F(WayOut, EveryChangeLeavesItsTrailAlsoAnUndoing) {
    std::vector<Event> events;
    machine.trail = [&](const Event& e) { events.push_back(e); };
    ASSERT_EQ(xlp({"load", file("a", on("a"))}).code, 0);
    ASSERT_EQ(events.size(), 2u);
    EXPECT_THAT(events[1].fields, Contains(Pair("XLP_STEP", "apply")));
    EXPECT_THAT(events[1].fields, Contains(Pair("XLP_SHA256", make_blob(on("a"))->sha256)));
    EXPECT_THAT(events[1].fields, Contains(Pair("XLP_XEN_BUILD_ID", xen_id)));
    EXPECT_THAT(events[1].fields, Contains(Pair("XLP_RESULT", "done")));
    events.clear();
    xen.refuses_expectations.insert(id("b"));
    ASSERT_EQ(xlp({"load", file("b", on("b", id("a")))}).code, 1);
    EXPECT_THAT(events.back().fields, Contains(Pair("XLP_OPERATION", "undo of load")));
    EXPECT_THAT(events.back().fields, Contains(Pair("XLP_STEP", "unload")));
    events.clear();
    ASSERT_EQ(xlp({"settle", "--now"}).code, 0);
    EXPECT_THAT(events.back().fields, Contains(Pair("XLP_OPERATION", "settle")));
    events.clear();
    fs::create_directories(root.paths.store() / xen_id);
    ASSERT_EQ(xlp({"sync", "--prune", "--after-crash"}).code, 0);
    ASSERT_FALSE(events.empty());
    EXPECT_THAT(events.front().fields, Contains(Pair("XLP_STEP", "lift")));
    EXPECT_THAT(events.back().fields, Contains(Pair("XLP_OPERATION", "sync --prune")));
}

TEST_F(WayOut, AHeldLockIsWorthAnotherTryForScripts) {
    auto held = Lock::take(root.paths.lock(), clock, Nanoseconds(0));
    ASSERT_TRUE(held);
    EXPECT_EQ(compat({"load", file("a", on("a"))}).code, 2);
}

TEST_F(WayOut, AFileThatIsNoLockIsNotWrittenTo) {
    const fs::path f = root.paths.root / "letter";
    ASSERT_TRUE(write_file(f, "Dear Sir\n"));
    EXPECT_EQ(xlp({"load", "--lock", f, file("a", on("a"))}).code, 0);
    EXPECT_EQ(*read_text(f), "Dear Sir\n");
}

} // namespace
} // namespace xlp::host::test
