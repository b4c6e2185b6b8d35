// SPDX-License-Identifier: GPL-2.0-only
// XTF's descriptions and words, what counts as proof, and guests named on the command line.
#include "payload/base/file.h"
#include "tools/common/cache.h"
#include "tools/xlp-qa/scenario/prove.h"
#include "tools/xlp-qa/verbs/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace xlp::qa {

using testing::HasSubstr;
using testing::Not;

namespace {

class XtfTree : public testing::Test {
protected:
    void SetUp() override {
        auto made = cache::Scratch::make(testing::TempDir());
        ASSERT_TRUE(made);
        folder.emplace(std::move(*made));
        fs::create_directories(at("tests/xsa-1"));
        fs::create_directories(at("tests/xsa-2"));
        write("tests/xsa-1/info.json",
              R"({"name": "xsa-1", "environments": ["pv64", "hvm64"], "variations": []})");
        write("tests/xsa-1/test-hvm64-xsa-1.cfg",
              "vcpus=3\ntype=\"hvm\"\nviridian = [ \"base\", \"stimer\" ]\n# hap = 0\n");
        write(
            "tests/xsa-2/info.json",
            R"({"name": "xsa-2", "environments": ["hvm32pae"], "variations": ["hap", "shadow"]})");
        write("tests/xsa-2/test-hvm32pae-xsa-2~shadow.cfg",
              "hap = 0\nnestedhvm = 1\ncmdline=\"shadow\"\n");
    }
    fs::path at(const std::string& name) { return folder->path() / name; }
    void write(const std::string& name, const std::string& text) {
        EXPECT_TRUE(write_file(at(name), text));
    }
    std::optional<cache::Scratch> folder;
};

// An outcome with one step of that name, which said this.
Outcome said(const std::string& text) {
    StepResult s;
    s.step.name = "step";
    s.verdict = Verdict::passed;
    s.exit_code = 0;
    s.output = text;
    Outcome o;
    o.steps.push_back(s);
    return o;
}

XtfSeen seen(XtfEnd end) {
    XtfSeen s;
    s.end = end;
    return s;
}

} // namespace

TEST_F(XtfTree, AllIsEveryEnvironmentAndVariation) {
    auto all = find_xtf_tests(folder->path(), {});
    ASSERT_TRUE(all);
    ASSERT_EQ(all->size(), 4u);
    EXPECT_EQ((*all)[0].label(), "xsa-1:pv64");
    EXPECT_EQ((*all)[3].label(), "xsa-2~shadow:hvm32pae");
    EXPECT_FALSE((*all)[3].hap);
    EXPECT_TRUE((*all)[3].nested);
    EXPECT_TRUE((*all)[2].hap);
    EXPECT_THAT(xtf_step((*all)[3], 0, "run").command, HasSubstr(" cmdline='shadow'"));
    (*all)[3].command_line.clear();
    read_xtf_config("cmdline=\"a'; reboot\"\n", (*all)[3]);
    EXPECT_EQ((*all)[3].command_line, "");
}

TEST_F(XtfTree, ConfigurationIsHonoured) {
    auto one = find_xtf_tests(folder->path(), {"xsa-1:hvm64"});
    ASSERT_TRUE(one);
    ASSERT_EQ(one->size(), 1u);
    EXPECT_EQ(one->front().vcpus, 3u);
    EXPECT_TRUE(one->front().hap); // a comment says otherwise
    EXPECT_EQ(one->front().viridian, 1u | 1u << 1 | 1u << 2 | 1u << 7 | 1u << 8);
}

TEST_F(XtfTree, PvhIsAnHvmImageStartedOtherwise) {
    auto one = find_xtf_tests(folder->path(), {"xsa-1:pvh64"});
    ASSERT_TRUE(one);
    EXPECT_EQ(one->front().kind, "pvh");
    EXPECT_EQ(one->front().image.filename(), "test-hvm64-xsa-1");
    EXPECT_EQ(one->front().label(), "xsa-1:pvh64");
}

TEST_F(XtfTree, WhatIsNotThereIsToldApart) {
    EXPECT_EQ(find_xtf_tests(folder->path(), {"xsa-3"}).error()[0].code, "qa.no-test");
    EXPECT_EQ(find_xtf_tests(at("tests"), {}).error()[0].code, "qa.no-xtf");
    write("tests/xsa-2/info.json", "[1");
    EXPECT_EQ(find_xtf_tests(folder->path(), {}).error()[0].code, "qa.xtf-malformed");
}

TEST(XtfWords, EachEndIsItsOwn) {
    EXPECT_EQ(xtf_seen(said("Test result: SUCCESS\n\nend: 0\n"), "step").end, XtfEnd::success);
    EXPECT_EQ(xtf_seen(said("Test result: SKIP\n\nend: 0\n"), "step").end, XtfEnd::skip);
    EXPECT_EQ(xtf_seen(said("Test result: ERROR\n\nend: 0\n"), "step").end, XtfEnd::error);
    EXPECT_EQ(xtf_seen(said("Test result: FAILURE\n\nend: 0\n"), "step").end, XtfEnd::failure);
    EXPECT_EQ(xtf_seen(said("--- Xen Test Framework ---\n\nend: 3\n"), "step").end, XtfEnd::crash);
    EXPECT_EQ(xtf_seen(said("--- Xen Test Framework ---\n\nend: none\n"), "step").end,
              XtfEnd::hang);
    const XtfSeen none = xtf_seen(said("error: xc_domain_create: no memory\n"), "step");
    EXPECT_EQ(none.end, XtfEnd::unknown);
    EXPECT_EQ(none.why, "xc_domain_create: no memory");
    EXPECT_EQ(xtf_seen(said(""), "other").end, XtfEnd::unknown);
    EXPECT_EQ(xtf_seen(said("xc: error: panic: xc_dom_compat_check: guest type xen-3.0-x86_32p not "
                            "supported by xen kernel, sorry: Invalid kernel\n"),
                       "step")
                  .end,
              XtfEnd::skip);
}

TEST(XtfWords, ADeathOfDom0OrOfQemuIsNoEvidence) {
    for (auto [kind, end] : {std::pair{DeathKind::panic, XtfEnd::died},
                             {DeathKind::reset, XtfEnd::died},
                             {DeathKind::hang, XtfEnd::hang},
                             {DeathKind::dom0_crash, XtfEnd::unknown},
                             {DeathKind::emulator, XtfEnd::unknown}}) {
        Outcome o = said("");
        o.steps[0].verdict = Verdict::died;
        o.death.emplace();
        o.death->kind = kind;
        EXPECT_EQ(xtf_seen(o, "step").end, end) << to_string(kind);
    }
}

TEST(XtfProofs, OnlyVulnerableBeforeAndSuccessAppliedIsOne) {
    for (XtfEnd before : {XtfEnd::failure, XtfEnd::hang, XtfEnd::died})
        EXPECT_EQ(conclude(seen(before), seen(XtfEnd::success)), Proof::closed);
    EXPECT_EQ(conclude(seen(XtfEnd::died), seen(XtfEnd::died)), Proof::open);
    EXPECT_EQ(conclude(seen(XtfEnd::success), seen(XtfEnd::success)), Proof::no_hole);
    EXPECT_EQ(conclude(seen(XtfEnd::skip), seen(XtfEnd::skip)), Proof::skipped);
    EXPECT_EQ(conclude(seen(XtfEnd::died), seen(XtfEnd::skip)), Proof::skipped);
    for (XtfEnd applied : {XtfEnd::error, XtfEnd::crash, XtfEnd::unknown})
        EXPECT_EQ(conclude(seen(XtfEnd::died), seen(applied)), Proof::unclear);
    for (XtfEnd before : {XtfEnd::error, XtfEnd::crash, XtfEnd::unknown})
        EXPECT_EQ(conclude(seen(before), seen(XtfEnd::success)), Proof::unclear);
}

TEST(XtfProofs, WorseIsWhatWasNotSoBefore) {
    EXPECT_TRUE(is_worse(XtfEnd::success, XtfEnd::failure));
    EXPECT_TRUE(is_worse(XtfEnd::success, XtfEnd::skip));
    EXPECT_TRUE(is_worse(XtfEnd::error, XtfEnd::died));
    EXPECT_FALSE(is_worse(XtfEnd::died, XtfEnd::success));
    EXPECT_FALSE(is_worse(XtfEnd::failure, XtfEnd::died)); // the hole was there
    EXPECT_FALSE(is_worse(XtfEnd::skip, XtfEnd::skip));
}

TEST(XtfProofs, WhatProvesNothingIsSkippedInJUnit) {
    XtfProof p;
    p.test.name = "xsa-1";
    p.test.environment = "hvm64";
    p.proof = Proof::no_hole;
    EXPECT_THAT(junit_xml({}, {p}), HasSubstr("tests=\"1\" failures=\"0\" skipped=\"1\""));
    p.proof = Proof::open;
    EXPECT_THAT(junit_xml({}, {p}), HasSubstr("<failure"));
    EXPECT_EQ(findings_of({p})[0].code, "qa.xtf-open");
    p.proof = Proof::closed;
    EXPECT_THAT(junit_xml({}, {p}), Not(HasSubstr("<skipped")));
    EXPECT_TRUE(findings_of({p}).empty());
}

TEST(XtfSuite, OnlyWhatIsWorseWithThePayloadsFailed) {
    std::vector<SuiteCase> cases = {
        {"xsa-1:pv64", seen(XtfEnd::success), seen(XtfEnd::success), {}},
        {"xsa-2:pv64", seen(XtfEnd::success), seen(XtfEnd::died), {}},
        {"xsa-3:pv64", seen(XtfEnd::died), seen(XtfEnd::died), {}},
        {"xsa-4:pv64", {}, std::nullopt, "#XM is not raised"}};
    EXPECT_EQ(count_line(cases, false), "2 SUCCESS, 1 died, 1 not testable");
    EXPECT_EQ(count_line(cases, true), "1 SUCCESS, 2 died, 1 not testable");
    ASSERT_EQ(findings_of(cases).size(), 1u);
    EXPECT_EQ(findings_of(cases)[0].code, "qa.xtf-worse");
    EXPECT_THAT(suite_line(cases[1]), HasSubstr("SUCCESS  died     worse"));
    EXPECT_THAT(suite_line(cases[3]), HasSubstr("not testable here: #XM is not raised"));
    const std::string xml = junit_xml(cases);
    EXPECT_THAT(xml, HasSubstr("tests=\"4\" failures=\"1\" skipped=\"2\""));
    EXPECT_THAT(xml, HasSubstr("<skipped message=\"not testable: #XM is not raised\""));
    EXPECT_THAT(xml, HasSubstr("<failure message=\"SUCCESS without the payloads, died with them"));
    // not reached: nothing is said of it
    cases.assign(1, {"xsa-1:pv64", seen(XtfEnd::success), std::nullopt, {}});
    EXPECT_TRUE(findings_of(cases).empty());
    EXPECT_EQ(count_line(cases, true), "");
}

TEST(XtfProofs, TheEmulatorsFaultsAreNamed) {
    XtfTest t;
    t.name = "xsa-213";
    t.environment = "pv64";
    EXPECT_FALSE(not_testable(t, "tcg").empty());
    EXPECT_TRUE(not_testable(t, "kvm").empty());
    t.name = "xsa-454";
    EXPECT_TRUE(not_testable(t, "tcg").empty());
}

TEST_F(XtfTree, GuestsAreNamedWithTheirProperties) {
    write("pv", std::string("\x7f"
                            "ELF\x02")
                    + std::string(64, 'x'));
    write("hvm", std::string("\x7f"
                             "ELF\x01")
                     + std::string(64, 'x'));
    auto pv = parse_inmate(at("pv"));
    ASSERT_TRUE(pv);
    EXPECT_EQ(pv->kind, "pv");
    EXPECT_EQ(pv->number, 1u);
    auto hvm = parse_inmate(at("hvm").string() + ",kind=hvm,number=3,memory=32,vcpus=2");
    ASSERT_TRUE(hvm);
    EXPECT_EQ(hvm->kind, "hvm");
    EXPECT_EQ(hvm->number, 3u);
    EXPECT_EQ(hvm->memory_mib, 32u);
    EXPECT_EQ(hvm->vcpus, 2u);
    EXPECT_EQ(parse_inmate(at("hvm"))->kind, "pvh");
    for (const char* wrong : {",kind=xen", ",number=0", ",memory=x", ",colour=1", ",vcpus"})
        EXPECT_EQ(parse_inmate(at("pv").string() + wrong).error()[0].code, "usage") << wrong;
}

TEST(Pauses, TheLongestOfAKindOfStep) {
    EXPECT_FALSE(longest_pause("guest 1 (pv) goes on"));
    EXPECT_DOUBLE_EQ(*longest_pause("guest 1 (pv) goes on, longest pause 3.5 ms\n"
                                    "guest 2 (pv) goes on, longest pause 12.25 ms\n"),
                     12.25);
    Outcome o = said("guest 1 (pv) goes on, longest pause 2.000 ms\n");
    o.steps[0].step = inmates_check("apply fix");
    EXPECT_DOUBLE_EQ(*longest_pause(o, "apply"), 2.0);
    EXPECT_FALSE(longest_pause(o, "revert"));
}

} // namespace xlp::qa
