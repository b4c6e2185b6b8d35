// SPDX-License-Identifier: GPL-2.0-only
// As host_executor.cc does at every call of the hypervisor: a failure, and a kill, at every change
// to the disk; and a store on a disk that takes nothing.
#include "host_disk.h"
#include "host_fixture.h"
#include "host_scenarios.h"

#include <cerrno>

namespace xlp::host::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Changes to the disk that `body` makes.
template <class F>
int writes_of(F body) {
    int n = 0;
    const DiskHook count([&](const std::string&) { return ++n, 0; });
    body();
    return n;
}

TEST_P(EveryScenario, AKillBeforeAnyWriteIsRepairedByTheNextRun) {
    World whole;
    prepare(whole);
    const int n = writes_of([&] { EXPECT_TRUE(whole.run(GetParam().plan)); });
    ASSERT_GT(n, 0);
    for (int write = 1; write <= n; ++write) {
        const int end = in_child([&] {
            World w;
            prepare(w);
            int at = 0;
            const DiskHook kill([&](const std::string& path) {
                if (++at != write)
                    return 0;
                auto done = w.repair(); // by another process: the first is gone
                EXPECT_TRUE(done) << text(done.error());
                EXPECT_TRUE(before_or_after(w.xen.snapshot()))
                    << path << ": " << text(w.xen.snapshot());
                EXPECT_FALSE(fs::exists(w.root.paths.journal()));
                EXPECT_TRUE(w.trial_is_true());
                fs::remove_all(w.root.paths.root);
                end_child();
            });
            (void)w.run(GetParam().plan);
            return 2; // it should not have lived
        });
        EXPECT_EQ(end, 0) << "killed before write " << write << " of " << n;
    }
}

TEST_P(EveryScenario, ADiskThatFailsAtAnyWriteLeavesBeforeOrAfter) {
    World whole;
    prepare(whole);
    const int n = writes_of([&] { EXPECT_TRUE(whole.run(GetParam().plan)); });
    ASSERT_GT(n, 0);
    for (int write = 1; write <= n; ++write)
        for (bool for_good : {false, true}) {
            World w;
            prepare(w);
            Findings findings;
            Result<void> done;
            {
                int at = 0;
                const DiskHook full([&](const std::string&) {
                    ++at;
                    return at == write || (for_good && at > write) ? ENOSPC : 0;
                });
                done = w.run(GetParam().plan, findings);
            }
            const Snapshot now = w.xen.snapshot();
            EXPECT_TRUE(done ? now.same_as(after_) : before_or_after(now))
                << "write " << write << (for_good ? " and all others" : "") << ": " << text(now);
            EXPECT_TRUE(!done || !findings.empty()) << "write " << write << ": nothing was said";
            auto repaired = w.repair();
            EXPECT_TRUE(repaired) << text(repaired.error());
            EXPECT_TRUE(w.xen.snapshot().same_as(now))
                << "write " << write << ": " << text(w.xen.snapshot());
            EXPECT_FALSE(fs::exists(w.root.paths.journal()));
        }
}

TEST_F(VerbTest, AnInstallThatIsKilledLeavesNoMixture) {
    store("one", on("a"), {"XSA-1"});
    const std::string update = file("one", on("c"));
    const auto install = [&] { EXPECT_EQ(xlp({"install", "--force", update}).code, 0); };
    const fs::path whole = root.paths.root;
    for (int write = 1, end = 0; end == 0; ++write) {
        const Root copy;
        fs::copy(whole, copy.paths.root,
                 fs::copy_options::recursive | fs::copy_options::overwrite_existing);
        machine.paths = copy.paths;
        end = in_child([&] {
            int at = 0;
            const DiskHook kill([&](const std::string&) {
                if (++at == write)
                    end_child();
                return 0;
            });
            install();
            return 3; // lived: there were fewer writes
        });
        ASSERT_TRUE(end == 0 || end == 3) << "killed before write " << write;
        xen.entries.clear();
        xen.stack.clear();
        const Ran first = xlp({"sync"});
        EXPECT_EQ(first.code, 0) << "one of the two, whole: " << first.err;
        EXPECT_THAT(xen.stack, ElementsAre("one"));
        install();
        // the update supersedes nothing: only a word puts it in the place of what runs
        EXPECT_EQ(xlp({"sync", "--prune"}).code, 0) << "killed before write " << write;
        EXPECT_EQ(xen.find(xen.stack.back())->build_id, id("c"));
    }
}

TEST_F(VerbTest, AReadOnlyStoreIsReadAndNotWritten) {
    store("one", on("a"), {"XSA-1"});
    const std::string more = file("two", on("b", id("a")));
    const std::string below = root.paths.store();
    const DiskHook read_only(
        [&](const std::string& path) { return path.starts_with(below) ? EROFS : 0; });
    EXPECT_EQ(xlp({"sync"}).code, 0);
    EXPECT_THAT(xen.stack, ElementsAre("one"));
    EXPECT_EQ(xlp({"status"}).code, 4) << "it has no index";
    const Ran r = xlp({"install", more});
    EXPECT_EQ(r.code, 4);
    EXPECT_THAT(r.err, HasSubstr("Read-only file system"));
    EXPECT_FALSE(fs::exists(root.paths.store() / xen_id / "two.livepatch"));
}

} // namespace
} // namespace xlp::host::test
