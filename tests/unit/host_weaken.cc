// SPDX-License-Identifier: GPL-2.0-only
// No automatic step makes a host weaker, whatever its inputs are like; and as much as can be had is
// had.
#include "host_fixture.h"
#include "payload/base/file.h"

namespace xlp::host::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct WeakenTest : VerbTest {
    // C, which supersedes A, runs; both are in the store.
    fs::path a, c;
    void run_c() {
        a = store("a", on("a"), {"XSA-1"});
        c = store("c", on("c"), {"XSA-1", "XSA-2"}, {id("a")});
        ASSERT_EQ(xlp({"sync"}).code, 0);
        ASSERT_THAT(xen.stack, ElementsAre("c"));
    }
};

TEST_F(WeakenTest, ARejectedPayloadKeepsItsPlace) {
    run_c();
    ASSERT_TRUE(write_file(manifest::signature_path(c), "not a signature"));
    for (const std::vector<std::string>& words :
         std::vector<std::vector<std::string>>{{"sync"}, {"sync", "--boot"}, {"sync", "--prune"}}) {
        EXPECT_NE(xlp(words).code, 0);
        EXPECT_THAT(xen.stack, ElementsAre("c"));
    }
    ASSERT_TRUE(write_file(c, "no ELF file"));
    EXPECT_NE(xlp({"sync", "--prune"}).code, 0);
    EXPECT_NE(xlp({"sync", "--downgrade", "--prune"}).code, 0) << "while a payload is unreadable";
    EXPECT_THAT(xen.stack, ElementsAre("c"));
}

TEST_F(WeakenTest, AnOlderPayloadOfferedAgainIsNotTaken) {
    run_c();
    for (const fs::path& f : {c, manifest::manifest_path(c)})
        fs::remove(f);
    const Ran r = xlp({"sync"});
    EXPECT_EQ(r.code, 1);
    EXPECT_THAT(r.err, HasSubstr("store.older"));
    EXPECT_THAT(xen.stack, ElementsAre("c"));
    EXPECT_EQ(xlp({"sync", "--prune"}).code, 1) << "that is another word";
    const Ran back = xlp({"sync", "--downgrade"});
    EXPECT_EQ(back.code, 0) << back.err;
    EXPECT_THAT(back.err, HasSubstr("store.weaker"));
    EXPECT_THAT(xen.stack, ElementsAre("a"));
}

TEST_F(WeakenTest, NothingIsPrunedForAStoreThatIsNotThere) {
    run_c();
    const Ran r = xlp({"sync", "--prune", "--store", "/no/such"});
    EXPECT_EQ(r.code, 1);
    EXPECT_THAT(r.err, HasSubstr("store.incomplete"));
    EXPECT_THAT(xen.stack, ElementsAre("c"));
    EXPECT_EQ(xlp({"sync", "--store", "/no/such"}).code, 0);
    EXPECT_THAT(xen.stack, ElementsAre("c"));
}

TEST_F(WeakenTest, WhatNothingSupersedesIsNotExchanged) {
    store("a", on("a"), {"XSA-1"});
    const fs::path b = store("b", on("b", id("a")), {"XSA-2"});
    ASSERT_EQ(xlp({"sync"}).code, 0);
    fs::remove(b);
    fs::remove(manifest::manifest_path(b));
    store("d", on("d", id("a")), {"XSA-3"});
    const Ran r = xlp({"sync"});
    EXPECT_EQ(r.code, 1);
    EXPECT_THAT(r.err, HasSubstr("store.not-superseded"));
    EXPECT_THAT(xen.stack, ElementsAre("a", "b"));
    EXPECT_EQ(xlp({"sync", "--prune"}).code, 0);
    EXPECT_THAT(xen.stack, ElementsAre("a", "d"));
}

TEST_F(WeakenTest, ASupersederThatHasLessIsNotBelieved) {
    store("a", on("a"), {"XSA-1"});
    ASSERT_EQ(xlp({"sync"}).code, 0);
    store("c", on("c"), {"XSA-2"}, {id("a")});
    const Ran r = xlp({"sync"});
    EXPECT_EQ(r.code, 1);
    EXPECT_THAT(r.err, HasSubstr("store.weaker"));
    EXPECT_THAT(xen.stack, ElementsAre("a"));
}

TEST_F(WeakenTest, OnlyWhatCanBeReachedSupersedes) {
    store("a", on("a"), {"XSA-1"});
    store("d", on("d", id("77")), {"XSA-1", "XSA-2"}, {id("a")});
    const Ran r = xlp({"sync", "--boot"});
    EXPECT_EQ(r.code, 1) << "and the exit code says that it is not all";
    EXPECT_THAT(r.err, HasSubstr("store.unreachable"));
    EXPECT_THAT(xen.stack, ElementsAre("a"));
}

TEST_F(WeakenTest, TheLongestGoodPartIsApplied) {
    store("a", on("a"));
    store("b", on("b", id("a")));
    store("c", on("c", id("b")));
    xen.refuses_expectations.insert(id("b"));
    const Ran r = xlp({"sync", "--boot"});
    EXPECT_EQ(r.code, 1);
    EXPECT_THAT(xen.stack, ElementsAre("a"));
    EXPECT_EQ(xen.entries.size(), 1u);
    EXPECT_THAT(r.err, HasSubstr("b"));
}

TEST_F(WeakenTest, WhatIsRefusedGivesWayToWhatItSupersedes) {
    store("a", on("a"));
    store("b", on("b", id("a")));
    store("all", on("c"), {}, {id("a"), id("b")});
    xen.refuses_expectations.insert(id("c"));
    EXPECT_EQ(xlp({"sync", "--boot"}).code, 1);
    EXPECT_THAT(xen.stack, ElementsAre("a", "b"));
}

TEST_F(WeakenTest, WhatTheAmbiguousHaveInCommonIsApplied) {
    store("a", on("a"));
    store("b1", on("b", id("a")));
    store("b2", on("c", id("a")));
    const Ran r = xlp({"sync", "--boot"});
    EXPECT_EQ(r.code, 1);
    EXPECT_THAT(r.err, HasSubstr("store.ambiguous"));
    EXPECT_THAT(xen.stack, ElementsAre("a"));
}

TEST_F(WeakenTest, AnUnreadableStoreChangesNothing) {
    run_c();
    fs::remove_all(root.paths.store() / xen_id);
    ASSERT_TRUE(write_file(root.paths.store() / xen_id, "no folder"));
    EXPECT_NE(xlp({"sync", "--prune"}).code, 0);
    EXPECT_THAT(xen.stack, ElementsAre("c"));
}

} // namespace
} // namespace xlp::host::test
