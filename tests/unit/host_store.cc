// SPDX-License-Identifier: GPL-2.0-only
// install and sync: from what the store says to what the hypervisor runs.
#include "host_fixture.h"
#include "payload/base/file.h"

namespace xlp::host::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST_F(VerbTest, InstallThenSyncThenNothingToDo) {
    EXPECT_EQ(xlp({"install", file("one", on("a")), file("two", on("b", id("a")))}).code, 0);
    EXPECT_TRUE(
        fs::exists(root.paths.store() / xen_id / make_blob(on("a"))->sha256 / "one.livepatch"));
    const Ran plan = xlp({"sync", "--dry-run"});
    EXPECT_EQ(plan.out, "would upload one\nwould apply one\nwould upload two\nwould apply two\n");
    EXPECT_TRUE(xen.entries.empty());
    EXPECT_EQ(xlp({"sync"}).code, 0);
    EXPECT_THAT(xen.stack, ElementsAre("one", "two"));
    const Ran again = xlp({"sync", "--json"});
    EXPECT_EQ(again.code, 0);
    EXPECT_TRUE(again.json()["plan"].empty());
}

TEST_F(VerbTest, TheOrderIsThatOfDependency) {
    store("a-last", on("c", id("b")));
    store("m-first", on("a"));
    store("z-second", on("b", id("a")));
    ASSERT_EQ(xlp({"sync"}).code, 0);
    EXPECT_THAT(xen.stack, ElementsAre("m-first", "z-second", "a-last"));
}

TEST_F(VerbTest, ACumulativePayloadReplacesTheStack) {
    store("one", on("a"), {"XSA-1"});
    store("two", on("b", id("a")), {"XSA-2"});
    ASSERT_EQ(xlp({"sync"}).code, 0);
    store("all", on("c"), {"XSA-1", "XSA-2", "XSA-3"}, {id("a"), id("b")});
    EXPECT_THAT(
        xlp({"sync", "--dry-run"}).out,
        "would upload all\nwould replace all with all\nwould unload two\nwould unload one\n");
    ASSERT_EQ(xlp({"sync"}).code, 0);
    EXPECT_THAT(xen.stack, ElementsAre("all"));
    EXPECT_EQ(xen.entries.size(), 1u);
}

TEST_F(VerbTest, HooksThatObjectMeanRevertFirst) {
    store("one", on("a"));
    ASSERT_EQ(xlp({"sync"}).code, 0);
    store("all", on("c"), {}, {id("a")});
    xen.hypervisor_ids_with_veto.insert(id("c"));
    const Ran r = xlp({"sync"});
    EXPECT_EQ(r.code, 0) << r.err;
    EXPECT_THAT(r.err, HasSubstr("sync.no-replace"));
    EXPECT_THAT(xen.stack, ElementsAre("all"));
}

TEST_F(VerbTest, AnUpdateUnderTheSameNameFindsAnotherName) {
    store("fix", on("a"));
    ASSERT_EQ(xlp({"sync"}).code, 0);
    fs::remove_all(root.paths.store());
    store("fix", on("c"), {}, {id("a")});
    ASSERT_EQ(xlp({"sync"}).code, 0);
    EXPECT_THAT(xen.stack, ElementsAre("fix~" + id("c").substr(0, 8)));
    EXPECT_EQ(xen.entries.size(), 1u);
    EXPECT_EQ(xlp({"sync", "--json"}).json()["plan"].size(), 0u);
}

TEST_F(VerbTest, XenServersLinkChooses) {
    store("lp_1", on("a"));
    store("lp_2", on("b"));
    EXPECT_EQ(xlp({"sync"}).code, 1) << "two that stack on the same";
    fs::create_symlink("lp_2.livepatch", root.paths.store() / xen_id / "livepatch.livepatch");
    EXPECT_EQ(xlp({"sync"}).code, 0);
    EXPECT_THAT(xen.stack, ElementsAre("lp_2"));
}

TEST_F(VerbTest, WhatTheStoreLostStaysUnlessPruned) {
    store("one", on("a"));
    fs::path two = store("two", on("b", id("a")));
    ASSERT_EQ(xlp({"sync"}).code, 0);
    fs::remove(two);
    const Ran r = xlp({"sync"});
    EXPECT_EQ(r.code, 0);
    EXPECT_THAT(r.err, HasSubstr("store.surplus"));
    EXPECT_THAT(xen.stack, ElementsAre("one", "two"));
    EXPECT_EQ(xlp({"sync", "--prune"}).code, 0);
    EXPECT_THAT(xen.stack, ElementsAre("one"));
}

TEST_F(VerbTest, AnotherToolsPayloadIsNotTakenDown) {
    ScriptedHypervisor other(xen);
    ASSERT_TRUE(other.upload("theirs", make_payload(on("f")), false));
    ASSERT_TRUE(other.act(Action::apply, "theirs", 30'000'000, 0));
    clock.sleep(std::chrono::seconds(1));
    store("one", on("a"));
    const Ran r = xlp({"sync"});
    EXPECT_EQ(r.code, 1);
    EXPECT_THAT(r.err, HasSubstr("store.unknown"));
    EXPECT_THAT(xen.stack, ElementsAre("theirs"));
}

// Its description fits a payload of the store, but it does not name its content.
TEST_F(VerbTest, AnotherToolsPayloadIsNotExchangedForWhatItClaimsToBe) {
    PayloadSpec claims = on("f");
    claims.modinfo = std::string("title=t\0content=1\0", 18);
    ScriptedHypervisor other(xen);
    ASSERT_TRUE(other.upload("theirs", make_payload(claims), false));
    ASSERT_TRUE(other.act(Action::apply, "theirs", 30'000'000, 0));
    clock.sleep(std::chrono::seconds(1));
    store("old", claims);
    store("new", on("a"), {}, {id("f")});
    const Ran r = xlp({"sync"});
    EXPECT_EQ(r.code, 1);
    EXPECT_THAT(r.err, HasSubstr("store.unknown"));
    EXPECT_THAT(xen.stack, ElementsAre("theirs"));
    EXPECT_EQ(xlp({"sync", "--prune"}).code, 0); // an explicit word
    EXPECT_THAT(xen.stack, ElementsAre("new"));
}

TEST_F(VerbTest, AStackThatXlpForgotIsRecognised) {
    store("one", on("a"), {"XSA-1"});
    ASSERT_EQ(xlp({"sync"}).code, 0);
    fs::remove_all(root.paths.run());
    EXPECT_EQ(xlp({"sync", "--json"}).json()["plan"].size(), 0u);
    index();
    EXPECT_EQ(xlp({"status"}).code, 0);
}

TEST_F(VerbTest, AtBootTheSwitchesAreHeeded) {
    store("one", on("a"));
    ASSERT_TRUE(write_file(root.paths.kernel_command_line(), "root=/dev/x xlp=off quiet\n"));
    EXPECT_EQ(xlp({"sync", "--boot"}).code, 0);
    EXPECT_TRUE(xen.entries.empty());
    ASSERT_TRUE(write_file(root.paths.kernel_command_line(), "root=/dev/x xlp=offline\n"));
    xen.identity.command_line = "dom0_mem=1G xlp=off";
    EXPECT_THAT(xlp({"sync", "--boot"}).out, HasSubstr("hypervisor command line"));
    EXPECT_TRUE(xen.entries.empty());
    xen.identity.command_line.clear();
    configure("sync-at-boot = false\n");
    EXPECT_EQ(xlp({"sync", "--boot"}).code, 0);
    EXPECT_TRUE(xen.entries.empty());
    EXPECT_EQ(xlp({"sync"}).code, 0) << "by hand it works all the same";
    EXPECT_THAT(xen.stack, ElementsAre("one"));
}

TEST_F(VerbTest, SyncDoesNotApplyWhatItCannotGuard) {
    store("one", on("a"));
    ASSERT_TRUE(write_file(root.paths.root / "var", "in the way"));
    EXPECT_EQ(xlp({"sync"}).code, 4);
    EXPECT_TRUE(xen.stack.empty());
}

TEST_F(VerbTest, InstallTakesNoOtherBytesUnderAName) {
    ASSERT_EQ(xlp({"install", file("one", on("a"))}).code, 0);
    EXPECT_EQ(xlp({"install", file("one", on("a"))}).code, 0) << "the same again";
    EXPECT_EQ(xlp({"install", file("one", on("c"))}).code, 1);
    EXPECT_EQ(xlp({"install", "--force", file("one", on("c"))}).code, 0);
}

TEST_F(VerbTest, AStoreThatCannotBeWrittenIsTheEnvironment) {
    ASSERT_TRUE(write_file(root.paths.root / "usr", "in the way"));
    const Ran r = xlp({"install", file("one", on("a"))});
    EXPECT_EQ(r.code, 4);
    EXPECT_THAT(r.err, HasSubstr("file.unwritable"));
}

TEST_F(VerbTest, WhatWasPutIntoTheStoreByHandIsCheckedAsWell) {
    store("good", on("a"));
    store("bell\a", on("b", id("a")));
    PayloadSpec none = on("c", id("a"));
    none.omit = ".livepatch.funcs";
    store("none", none);
    const Ran r = xlp({"sync"});
    EXPECT_NE(r.code, 0);
    EXPECT_THAT(r.err, HasSubstr("host.name"));
    EXPECT_THAT(r.err, HasSubstr("preflight.no-functions"));
    EXPECT_THAT(xen.stack, ElementsAre("good")) << "what can be in effect is";
}

TEST_F(VerbTest, InstallNeedsAPayload) {
    ASSERT_TRUE(write_file(root.paths.root / "x.livepatch", "not an ELF file"));
    EXPECT_EQ(xlp({"install", root.paths.root / "x.livepatch"}).code, 3);
    PayloadSpec homeless = on("a");
    homeless.omit = ".livepatch.xen_depends";
    EXPECT_EQ(xlp({"install", file("y", homeless)}).code, 1);
}

} // namespace
} // namespace xlp::host::test
