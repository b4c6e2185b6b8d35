// SPDX-License-Identifier: GPL-2.0-only
// Is this host protected?
#include "host_fixture.h"
#include "payload/base/file.h"
#include "payload/base/json.h"

namespace xlp::host::test {
namespace {

using ::testing::HasSubstr;

TEST_F(VerbTest, StatusAnswersTheQuestion) {
    EXPECT_EQ(xlp({"status"}).code, 4) << "nothing to compare with";
    EXPECT_EQ(xlp({"status", "--monitor"}).code, 3);
    store("one", on("a"), {"XSA-1"});
    store("two", on("b", id("a")), {"XSA-2"});
    index({"--in-build", "XSA-3", "--not-concerned", "XSA-4=Arm only"});
    PayloadSpec other = on("c", id("77"));
    other.xen = id("77");
    store("elsewhere", other, {"XSA-1", "XSA-9"});
    ASSERT_EQ(xlp({"load", root.paths.store() / xen_id / "one.livepatch"}).code, 0);
    const Ran no = xlp({"status", "--json"});
    EXPECT_EQ(no.code, 1);
    const Json j = no.json();
    EXPECT_EQ(j["schema"], "xlp.status/1");
    EXPECT_EQ(j["protected"], false);
    EXPECT_EQ(j["stack"][0]["name"], "one");
    EXPECT_EQ(j["stack"][0]["functions"], Json({"do_xen_version"}));
    EXPECT_NE(j["stack"][0]["applied_at"], "");
    EXPECT_EQ(j["fixed"], Json({"XSA-1"}));
    EXPECT_EQ(j["open"], Json({"XSA-2"}));
    EXPECT_EQ(j["elsewhere"], Json({"XSA-9"}));
    const Ran critical = xlp({"status", "--monitor"});
    EXPECT_EQ(critical.code, 2);
    EXPECT_EQ(critical.out,
              "XLP CRITICAL - 1 payloads applied, 1 missing: XSA-2 | payloads=1 missing=1\n");
    for (const auto& [advisory, code, how] : std::vector<std::tuple<std::string, int, std::string>>{
             {"XSA-1", 0, "fixed by one"},
             {"XSA-2", 1, "needs two"},
             {"XSA-3", 0, "fixed in this build"},
             {"XSA-4", 0, "does not affect this build: Arm only"},
             {"XSA-5", 4, "no information"}}) {
        const Ran r = xlp({"status", advisory});
        EXPECT_EQ(r.code, code) << advisory;
        EXPECT_THAT(r.out, HasSubstr(how));
    }
    ASSERT_EQ(xlp({"sync"}).code, 0);
    EXPECT_EQ(xlp({"status"}).code, 0);
    EXPECT_THAT(xlp({"status"}).out, HasSubstr("Protected: yes"));
    EXPECT_EQ(xlp({"status", "--monitor"}).code, 0);
}

TEST_F(VerbTest, NothingNeededIsAnAnswer) {
    fs::create_directories(root.paths.store() / xen_id);
    index({"--in-build", "XSA-3"});
    EXPECT_EQ(xlp({"status"}).code, 0);
}

TEST_F(VerbTest, WithoutAnIndexNobodyKnows) {
    store("one", on("a"), {"XSA-1"});
    ASSERT_EQ(xlp({"sync"}).code, 0);
    const Ran r = xlp({"status"});
    EXPECT_EQ(r.code, 4);
    EXPECT_THAT(r.out, HasSubstr("Protected: unknown"));
    EXPECT_EQ(xlp({"status", "XSA-1"}).code, 0) << "what is in effect is known all the same";
}

TEST_F(VerbTest, WhatTheIndexAsksForAndTheStoreLacksIsOpen) {
    const fs::path f = store("one", on("a"), {"XSA-1"});
    index();
    fs::remove(f);
    fs::remove(manifest::manifest_path(f));
    EXPECT_EQ(xlp({"status"}).code, 1);
    EXPECT_EQ(xlp({"status", "XSA-1"}).code, 1);
    index({"--reboot", "XSA-2=4.17.6"}, "2");
    const Json j = xlp({"status", "--json"}).json();
    EXPECT_EQ(j["reboot"], Json({"XSA-2"}));
    EXPECT_EQ(j["protected"], false);
}

TEST_F(VerbTest, ADoubtfulStoreIsUnknownAtBest) {
    const fs::path one = store("one", on("a"), {"XSA-1"});
    index();
    ASSERT_EQ(xlp({"sync"}).code, 0);
    ASSERT_EQ(xlp({"status"}).code, 0);
    const fs::path more = store("more", on("b", id("99")), {"XSA-2"}); // out of reach
    EXPECT_EQ(xlp({"status"}).code, 4);
    EXPECT_EQ(xlp({"status", "--monitor"}).code, 3);
    ASSERT_TRUE(write_file(more, "damaged")); // rejected
    EXPECT_EQ(xlp({"status"}).code, 4);
    const Json j = xlp({"status", "--json"}).json();
    EXPECT_TRUE(j["protected"].is_null());
    EXPECT_EQ(j["store_errors"], 1);
    const fs::path prom = root.paths.root / "m.prom";
    xlp({"status", "--prometheus", prom});
    EXPECT_THAT(**read_text_if_there(prom), HasSubstr("xlp_protected -1\n"));
    EXPECT_THAT(**read_text_if_there(prom), HasSubstr("xlp_store_errors 1\n"));
    EXPECT_THAT(**read_text_if_there(prom), HasSubstr("xlp_last_sync_result 0\n"));
}

TEST_F(VerbTest, AnOldIndexIsNotBelieved) {
    store("one", on("a"), {"XSA-1"});
    index({}, "5");
    ASSERT_EQ(xlp({"sync"}).code, 0);
    ASSERT_EQ(xlp({"status"}).code, 0);
    index({}, "4");
    const Ran r = xlp({"status"});
    EXPECT_EQ(r.code, 4);
    EXPECT_THAT(r.err, HasSubstr("index.rollback"));
    index({"--minimum-serial", "9"}, "9");
    EXPECT_EQ(xlp({"status"}).code, 0);
    index({"--days", "0"}, "10");
    clock.sleep(std::chrono::seconds(1));
    ::sleep(1);
    const Ran old = xlp({"status"});
    EXPECT_EQ(old.code, 4);
    EXPECT_THAT(old.err, HasSubstr("index.expired"));
}

// Else a clock that is set back would make an old index valid again.
TEST_F(VerbTest, AnIndexExpiresByTheNewestTimeSeen) {
    store("one", on("a"), {"XSA-1"});
    index();
    ASSERT_EQ(xlp({"sync"}).code, 0);
    ASSERT_EQ(xlp({"status"}).code, 0);
    Json seen = **read_json_if_there(root.paths.serials());
    EXPECT_EQ(seen["seen"].get<std::string>().substr(0, 10), utc_now().substr(0, 10));
    seen["seen"] = "2999-01-01T00:00:00Z"; // what the clock said before it was set back
    ASSERT_TRUE(write_file(root.paths.serials(), seen.dump()));
    const Ran r = xlp({"status"});
    EXPECT_EQ(r.code, 4);
    EXPECT_THAT(r.err, HasSubstr("index.expired"));
    EXPECT_THAT(r.err, HasSubstr("it has been 2999-01-01T00:00:00Z here before"));
    EXPECT_EQ((**read_json_if_there(root.paths.serials()))["seen"], seen["seen"]);
}

// The reason is the truth: not every failure is the hypervisor's.
TEST_F(VerbTest, TheMonitorSaysWhyNothingIsKnown) {
    configure("\"non|sense\" = 1\n");
    Ran r = xlp({"status", "--monitor"});
    EXPECT_EQ(r.code, 3);
    EXPECT_THAT(r.out, HasSubstr("XLP UNKNOWN - "));
    EXPECT_THAT(r.out, HasSubstr("non/sense"));
    EXPECT_EQ(r.out.find('|'), std::string::npos) << "no performance data";
    EXPECT_EQ(r.out.find("hypervisor"), std::string::npos);
    fs::remove(root.paths.config());
    machine.connect = [](Via) -> Result<std::unique_ptr<Hypervisor>> {
        return fail(environment("host.no-xen", "No hypervisor here."));
    };
    EXPECT_THAT(xlp({"status", "--monitor"}).out, HasSubstr("XLP UNKNOWN - No hypervisor here."));
}

// An older success would be taken for the result of a sync that ended before it began.
TEST_F(VerbTest, ASyncThatEndsEarlyIsTheLastSync) {
    store("one", on("a"));
    ASSERT_EQ(xlp({"sync"}).code, 0);
    const auto last = [&] { return xlp({"status", "--json"}).json()["last_sync"]; };
    EXPECT_EQ(last()["result"], 0);
    EXPECT_EQ(last()["reason"], "");
    configure("nonsense\n");
    const int code = xlp({"sync"}).code;
    fs::remove(root.paths.config());
    EXPECT_EQ(last()["result"], code);
    EXPECT_THAT(last()["reason"].get<std::string>(), HasSubstr("config.malformed: "));
    EXPECT_THAT(xlp({"status"}).out, HasSubstr("config.malformed: "));
    {
        auto held = Lock::take(root.paths.lock(), clock, Nanoseconds(0));
        ASSERT_TRUE(held);
        EXPECT_EQ(xlp({"sync", "--lock-wait", "1s"}).code, 4);
    }
    EXPECT_EQ(last()["result"], 4);
    EXPECT_THAT(last()["reason"].get<std::string>(), HasSubstr("host.locked: "));
    configure("sync-at-boot = false\n");
    EXPECT_EQ(xlp({"sync", "--boot"}).code, 0);
    EXPECT_EQ(last()["result"], 0);
    EXPECT_THAT(last()["reason"].get<std::string>(), HasSubstr("sync-at-boot"));
    fs::remove(root.paths.config());
    ASSERT_EQ(xlp({"sync", "--timeout", "nonsense"}).code, 2);
    ASSERT_EQ(xlp({"sync", "--dry-run"}).code, 0);
    EXPECT_THAT(last()["reason"].get<std::string>(), HasSubstr("sync-at-boot")) << "no syncs";
    ASSERT_EQ(xlp({"sync"}).code, 0);
    EXPECT_EQ(last()["reason"], "");
}

TEST_F(VerbTest, AMinimumSerialHoldsForEveryBuild) {
    store("one", on("a"), {"XSA-1"});
    index({"--minimum-serial", "9"}, "9");
    ASSERT_EQ(xlp({"sync"}).code, 0);
    xen.identity.build_id = id("77");
    fs::create_directories(root.paths.store() / id("77"));
    ASSERT_EQ(xlp({"index", "make", "--xen", id("77"), "--serial", "8", "-o",
                   root.paths.store() / id("77") / "index.json"})
                  .code,
              0);
    EXPECT_THAT(xlp({"status"}).err, HasSubstr("index.rollback"));
}

TEST_F(VerbTest, APartIsNotTheWhole) {
    const fs::path f = store("one", on("a"), {"XSA-1"});
    auto m = *manifest::parse(**read_text_if_there(manifest::manifest_path(f)), "m");
    index();
    m.partial = {"XSA-1"};
    ASSERT_TRUE(write_file(manifest::manifest_path(f), manifest::to_text(m)));
    ASSERT_EQ(xlp({"sync"}).code, 0);
    EXPECT_EQ(xlp({"status"}).code, 1);
    EXPECT_EQ(xlp({"status", "XSA-1"}).code, 1);
}

TEST_F(VerbTest, ARevokedPayloadIsNotAppliedAndProvesNothing) {
    store("one", on("a"), {"XSA-1"});
    index();
    ASSERT_EQ(xlp({"sync"}).code, 0);
    ASSERT_EQ(xlp({"status"}).code, 0);
    index({"--revoke", make_blob(on("a"))->sha256}, "2");
    EXPECT_EQ(xlp({"status"}).code, 1);
    EXPECT_EQ(xlp({"sync"}).code, 0);
    EXPECT_EQ(xen.stack.size(), 1u) << "taking it out takes a word";
    crash("second");
    fs::remove(root.paths.trial());
    EXPECT_THAT(xlp({"sync", "--boot"}).err, HasSubstr("store.revoked"));
    EXPECT_TRUE(xen.stack.empty());
}

TEST_F(VerbTest, ARevokedPayloadIsNotLoadedByHandEither) {
    const fs::path f = store("one", on("a"), {"XSA-1"});
    index({"--revoke", make_blob(on("a"))->sha256});
    const Ran r = xlp({"load", f});
    EXPECT_EQ(r.code, 1);
    EXPECT_THAT(r.err, HasSubstr("preflight.revoked"));
    EXPECT_NE(compat({"load", f}).code, 0);
    EXPECT_TRUE(xen.stack.empty());
    EXPECT_EQ(compat({"--force", "load", f}).code, 0);
    EXPECT_EQ(xen.stack.size(), 1u);
}

TEST_F(VerbTest, APartOfTheStoreThatCannotBeReadIsADoubt) {
    store("one", on("a"), {"XSA-1"});
    index();
    ASSERT_EQ(xlp({"sync"}).code, 0);
    ASSERT_EQ(xlp({"status"}).code, 0);
    // where a payload's own folder belongs
    ASSERT_TRUE(write_file(root.paths.store() / xen_id / std::string(64, 'e'), "no folder"));
    const Ran r = xlp({"status", "--json"});
    EXPECT_EQ(r.code, 4);
    EXPECT_EQ(r.json()["store_errors"], 1);
    EXPECT_EQ(xlp({"status", "--monitor"}).code, 3);
}

TEST_F(VerbTest, OtherBytesUnderANameAreNotTakenForIt) {
    const fs::path f = store("one", on("a"), {"XSA-1"});
    index();
    ASSERT_EQ(xlp({"sync"}).code, 0);
    ASSERT_EQ(xlp({"status"}).code, 0);
    ScriptedHypervisor other(xen);
    ASSERT_TRUE(other.act(Action::revert, "one", 30'000'000, 0));
    clock.sleep(std::chrono::seconds(1));
    (void)other.list();
    ASSERT_TRUE(other.act(Action::unload, "one", 0, 0));
    for (const bool bare : {false, true}) {
        PayloadSpec spec = on("f");
        spec.bare = bare;
        ASSERT_TRUE(other.upload("one", make_payload(spec), false));
        ASSERT_TRUE(other.act(Action::apply, "one", 30'000'000, 0));
        clock.sleep(std::chrono::seconds(1));
        (void)other.list();
        EXPECT_NE(xlp({"status"}).code, 0);
        EXPECT_NE(xlp({"status", "XSA-1"}).code, 0);
        ASSERT_TRUE(other.act(Action::revert, "one", 30'000'000, 0));
        clock.sleep(std::chrono::seconds(1));
        (void)other.list();
        ASSERT_TRUE(other.act(Action::unload, "one", 0, 0));
    }
}

TEST_F(VerbTest, ModinfoTellsWhatNoFileTells) {
    PayloadSpec spec = on("a");
    spec.modinfo = std::string("title=t\0advisories=XSA-5 XSA-6\0", 32);
    ScriptedHypervisor other(xen);
    ASSERT_TRUE(other.upload("theirs", make_payload(spec), false));
    ASSERT_TRUE(other.act(Action::apply, "theirs", 30'000'000, 0));
    clock.sleep(std::chrono::seconds(1));
    const Json j = xlp({"status", "--json"}).json();
    EXPECT_EQ(j["stack"][0]["advisories"], Json({"XSA-5", "XSA-6"}));
    EXPECT_EQ(j["stack"][0]["title"], "t");
    EXPECT_EQ(j["fixed"], Json::array()) << "only its own words say so";
    EXPECT_EQ(xlp({"status", "XSA-5"}).code, 4);
}

TEST_F(VerbTest, MetricsAreWrittenWholeAndAlsoWithoutAHypervisor) {
    store("one", on("a"), {"XSA-1"});
    index();
    const fs::path file_ = root.paths.root / "xlp.prom";
    xlp({"status", "--prometheus", file_});
    EXPECT_THAT(**read_text_if_there(file_), HasSubstr("xlp_protected 0\n"));
    EXPECT_THAT(**read_text_if_there(file_),
                HasSubstr("xlp_advisory_fixed{advisory=\"XSA-1\"} 0\n"));
    ASSERT_EQ(xlp({"sync"}).code, 0);
    xlp({"status", "--prometheus", file_});
    EXPECT_THAT(**read_text_if_there(file_), HasSubstr("xlp_protected 1\n"));
    EXPECT_THAT(**read_text_if_there(file_), HasSubstr("xlp_on_trial 1\n"));
    EXPECT_THAT(**read_text_if_there(file_),
                HasSubstr("xlp_advisory_fixed{advisory=\"XSA-1\"} 1\n"));
    machine.connect = [](Via) -> Result<std::unique_ptr<Hypervisor>> {
        return fail(environment("host.no-xen", "No hypervisor."));
    };
    EXPECT_EQ(xlp({"status", "--prometheus", file_}).code, 4);
    EXPECT_THAT(**read_text_if_there(file_), HasSubstr("xlp_up 0\n"));
}

} // namespace
} // namespace xlp::host::test
