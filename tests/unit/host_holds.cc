// SPDX-License-Identifier: GPL-2.0-only
// What is held back, why, and for how long; and that the audit trail says so.
#include "host_fixture.h"
#include "tools/xlp/disk/trial.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace xlp::host::test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;

struct HoldTest : VerbTest {
    std::vector<Event> events;
    HoldTest() {
        machine.trail = [this](const Event& e) { events.push_back(e); };
    }
    // "crash hold one" and the like; forgets them.
    std::vector<std::string> told() {
        std::vector<std::string> all;
        for (const Event& e : events) {
            const std::map<std::string, std::string> f(e.fields.begin(), e.fields.end());
            if (f.at("XLP_STEP") != "hold" && f.at("XLP_STEP") != "release")
                continue;
            EXPECT_EQ(f.at("XLP_RESULT"), "done");
            EXPECT_EQ(f.at("XLP_XEN_BUILD_ID"), xen_id);
            all.push_back(fmt::format("{} {} {}", f.at("XLP_OPERATION"), f.at("XLP_STEP"),
                                      f.at("XLP_PAYLOAD")));
        }
        last = events;
        events.clear();
        return all;
    }
    std::vector<Event> last;
    void hold(const std::string& text) {
        fs::create_directories(root.paths.holds());
        ASSERT_TRUE(write_file(root.paths.holds() / xen_id, text));
    }
    // As another tool does.
    void upload_by_others(const std::string& name, const PayloadSpec& spec) {
        ScriptedHypervisor other(xen);
        ASSERT_TRUE(other.upload(name, make_payload(spec), false));
    }
    std::vector<OnTrial> on_trial() {
        auto trial = Trial(root.paths).current();
        return trial && *trial ? (*trial)->payloads : std::vector<OnTrial>();
    }
};

TEST_F(HoldTest, ACrashAndItsForgivingAreInTheTrail) {
    store("one", on("a"));
    ASSERT_EQ(xlp({"sync"}).code, 0);
    crash("second");
    EXPECT_THAT(told(), IsEmpty());
    ASSERT_EQ(xlp({"sync", "--boot"}).code, 1);
    EXPECT_THAT(told(), ElementsAre("crash hold one"));
    EXPECT_THAT(last.front().fields, Contains(Pair("XLP_SHA256", make_blob(on("a"))->sha256)));
    EXPECT_THAT(last.front().fields, Contains(Pair("XLP_BUILD_ID", id("a"))));
    ASSERT_EQ(xlp({"sync", "--boot"}).code, 1);
    EXPECT_THAT(told(), IsEmpty()) << "once";
    ASSERT_EQ(xlp({"sync", "--after-crash"}).code, 0);
    EXPECT_THAT(told(), ElementsAre("sync --after-crash release one"));
    ASSERT_EQ(xlp({"sync", "--after-crash"}).code, 0);
    EXPECT_THAT(told(), IsEmpty());
}

TEST_F(HoldTest, ARecordThatCannotBeReadHoldsEverythingInTheTrail) {
    store("one", on("a"));
    fs::create_directories(root.paths.state());
    ASSERT_TRUE(write_file(root.paths.trial(), "damaged"));
    ASSERT_EQ(xlp({"sync", "--boot"}).code, 1);
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].message, "crash: hold every payload");
}

TEST_F(HoldTest, TheOperatorsHoldsAreInTheTrail) {
    store("one", on("a"));
    store("two", on("b", id("a")));
    hold(id("b") + "\n" + id("cc") + " # not in the store\n");
    ASSERT_EQ(xlp({"sync"}).code, 0);
    EXPECT_THAT(told(), ElementsAre("hold.d hold two", "hold.d hold "));
    EXPECT_THAT(last[0].fields, Contains(Pair("XLP_SHA256", make_blob(on("b", id("a")))->sha256)));
    EXPECT_THAT(last[1].fields, Contains(Pair("XLP_BUILD_ID", id("cc"))));
    ASSERT_EQ(xlp({"sync"}).code, 0);
    EXPECT_THAT(told(), IsEmpty()) << "once";
    hold(id("cc") + "\n");
    ASSERT_EQ(xlp({"sync"}).code, 0);
    EXPECT_THAT(told(), ElementsAre("hold.d release two"));
    fs::remove(root.paths.holds() / xen_id);
    ASSERT_EQ(xlp({"sync"}).code, 0);
    EXPECT_THAT(told(), ElementsAre("hold.d release "));
    EXPECT_THAT(xen.stack, ElementsAre("one", "two"));
}

// By its content: xlp has no record of it, or one of other bytes under the same name.
TEST_F(HoldTest, WhatAnotherToolUploadedIsOnTrialUnderItsOwnIds) {
    store("one", on("a"));
    ASSERT_EQ(xlp({"upload", "mine", file("x", on("b"))}).code, 0);
    ScriptedHypervisor other(xen);
    ASSERT_TRUE(other.act(Action::unload, "mine", 0, 0));
    upload_by_others("mine", on("a"));
    ASSERT_EQ(xlp({"apply", "mine"}).code, 0);
    ASSERT_EQ(on_trial().size(), 1u);
    EXPECT_EQ(on_trial()[0].build_id, id("a"));
    EXPECT_EQ(on_trial()[0].sha256, make_blob(on("a"))->sha256);
    crash("second");
    const Ran r = xlp({"sync", "--boot"});
    EXPECT_EQ(r.code, 1);
    EXPECT_THAT(r.err, HasSubstr("sync.held"));
    EXPECT_THAT(xen.stack, IsEmpty());
}

TEST_F(HoldTest, TheOldNameOfTheProgramKnowsThemAsWell) {
    store("one", on("a"));
    upload_by_others("theirs", on("a"));
    ASSERT_EQ(compat({"apply", "theirs"}).code, 0);
    ASSERT_EQ(on_trial().size(), 1u);
    EXPECT_EQ(on_trial()[0].build_id, id("a"));
}

TEST_F(HoldTest, WhatNobodyKnowsIsToldApartByItsName) {
    const auto apply = [&](const std::string& name, const std::string& own) {
        PayloadSpec spec = on(own);
        spec.bare = true;
        upload_by_others(name, spec);
        ASSERT_EQ(xlp({"apply", name}).code, 0);
    };
    apply("theirs", "a");
    ASSERT_EQ(xlp({"settle", "--now"}).code, 0);
    crash("second");
    apply("others", "b"); // which has not settled
    crash("third");
    const Ran r = xlp({"sync"});
    EXPECT_EQ(r.code, 0);
    EXPECT_THAT(r.err, HasSubstr("host.went-down"));
    EXPECT_THAT(r.err, HasSubstr("others"));
    EXPECT_EQ(xlp({"status", "--json"}).json()["crashed"], true);
    EXPECT_EQ(xlp({"sync", "--after-crash"}).code, 0);
    EXPECT_EQ(xlp({"status", "--json"}).json()["crashed"], false);
}

// In a row: without a completed trial in between, be it of other payloads.
TEST_F(HoldTest, ACompletedTrialEndsWhatEarlierEndsMean) {
    store("a", on("a"), {"XSA-1"});
    ASSERT_EQ(xlp({"sync"}).code, 0);
    shut_down("second");
    ASSERT_EQ(xlp({"sync", "--boot"}).code, 0);
    crash("third");
    const fs::path c = store("c", on("c"), {"XSA-1"}, {id("a")});
    ASSERT_EQ(xlp({"sync", "--boot"}).code, 0);
    ASSERT_THAT(xen.stack, ElementsAre("c"));
    EXPECT_EQ(xlp({"status", "--json"}).json()["went_down"], Json({"a"}));
    shut_down("fourth");
    ASSERT_EQ(xlp({"sync", "--boot"}).code, 0);
    EXPECT_EQ(xlp({"status", "--json"}).json()["went_down"], Json::array()) << "an alarm for good";
    fs::remove(c);
    fs::remove(manifest::manifest_path(c));
    ASSERT_EQ(xlp({"sync", "--downgrade"}).code, 0);
    ASSERT_THAT(xen.stack, ElementsAre("a"));
    crash("fifth"); // perhaps a year later
    const Ran r = xlp({"sync", "--boot"});
    EXPECT_EQ(r.code, 0) << r.err;
    EXPECT_THAT(xen.stack, ElementsAre("a"));
}

} // namespace
} // namespace xlp::host::test
