// SPDX-License-Identifier: GPL-2.0-only
// Scenarios, what steps' outputs mean, and reports.
#include "load_sample.h"
#include "payload/base/bytes.h"
#include "tools/xlp-qa/scenario/drive.h"
#include "tools/xlp-qa/scenario/plan.h"
#include "tools/xlp-qa/verbs/report.h"

#include <algorithm>
#include <cerrno>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace xlp::qa {

using testing::HasSubstr;
using testing::Not;

namespace {

std::vector<std::string> names(const Scenario& s) {
    std::vector<std::string> list;
    for (const Step& step : s.steps)
        list.push_back(step.name);
    return list;
}

NamedOutcome failed_outcome() {
    NamedOutcome n{"fix", {}};
    StepResult boot;
    boot.step = {"boot", "boot", {}, {}, true};
    boot.verdict = Verdict::passed;
    boot.exit_code = 0;
    StepResult upload;
    upload.step = upload_step("fix", "/f");
    upload.verdict = Verdict::failed;
    upload.exit_code = 1;
    upload.error_number = EINVAL;
    upload.output = "no <good> & \"bad\" \x01\n";
    upload.log = {"livepatch: fix: is missing"};
    StepResult apply;
    apply.step = operation_step("apply", "fix");
    n.outcome.steps = {boot, upload, apply};
    return n;
}

} // namespace

TEST(Plan, StackGoesUpAndComesDown) {
    Plan plan;
    plan.payloads = {{"a", "A"}, {"b", "B"}};
    auto s = make_scenario(plan);
    ASSERT_TRUE(s);
    EXPECT_EQ(names(*s),
              (std::vector<std::string>{"upload a", "apply a", "upload b", "apply b", "revert b",
                                        "revert a", "apply a", "apply b", "revert b", "revert a",
                                        "unload b", "unload a"}));
    EXPECT_EQ(s->files.size(), 2u);
}

TEST(Plan, WhatBringsDataIsUploadedForEachApplication) {
    sample::Builder fixed, variable;
    for (sample::Builder* b : {&fixed, &variable}) {
        b->section(".text", SHF_ALLOC | SHF_EXECINSTR, Bytes(16));
        b->section(".livepatch.funcs", SHF_ALLOC | SHF_WRITE, Bytes(104), 8);
    }
    variable.section(".bss", SHF_ALLOC | SHF_WRITE, Bytes(4), 4, SHT_NOBITS);
    auto bytes = [](const sample::Builder& b) {
        const Bytes raw = elf::write_object(b.object).value();
        return std::string(raw.begin(), raw.end());
    };
    Plan plan;
    plan.payloads = {{"f", bytes(fixed)}, {"v", bytes(variable)}};
    auto s = make_scenario(plan);
    ASSERT_TRUE(s);
    EXPECT_EQ(names(*s),
              (std::vector<std::string>{"upload f", "apply f", "upload v", "apply v", "revert v",
                                        "revert f", "apply f", "unload v", "upload v", "apply v",
                                        "revert v", "revert f", "unload v", "unload f"}));
}

TEST(Plan, NamesThatCannotBeAreRefusedTogether) {
    Plan plan;
    plan.payloads = {{"a", ""}, {"a", ""}, {std::string(128, 'n'), ""}, {"", ""}};
    plan.cycles = 0;
    auto s = make_scenario(plan);
    ASSERT_FALSE(s);
    EXPECT_EQ(s.error().size(), 4u);
    EXPECT_EQ(failure_of(s.error()), Failure::usage);
}

TEST(Plan, MissingProbeIsBadInput) {
    Plan plan;
    plan.payloads = {{"a", ""}};
    plan.probe = "/no/such/probe";
    auto s = make_scenario(plan);
    ASSERT_FALSE(s);
    EXPECT_EQ(failure_of(s.error()), Failure::input);
}

TEST(Plan, NamesAreQuotedForTheShell) {
    EXPECT_EQ(operation_step("apply", "it's $HOME").command, "$XLP apply 'it'\\''s $HOME'");
    EXPECT_EQ(raw_step("upload", "n", "/f").command, "$XEN_LIVEPATCH upload 'n' '/f'");
    EXPECT_EQ(payload_name("dir/fix.livepatch"), "fix");
    EXPECT_EQ(payload_name("dir/fix.v2"), "fix.v2");
}

TEST(ErrorNumber, IsFoundInEitherToolsWords) {
    EXPECT_EQ(error_number_in("Uploading x... failed\nError 22: Invalid argument\n"), EINVAL);
    EXPECT_EQ(error_number_in("error: fix: The hypervisor rejects it (ENOENT): ..."), ENOENT);
    EXPECT_EQ(error_number_in("EVERYTHING is fine"), 0);
    EXPECT_EQ(error_number_in(""), 0);
}

TEST(Report, TextTellsStepReasonAndLog) {
    std::string text;
    for (const std::string& line : text_lines(failed_outcome().outcome, false))
        text += line + '\n';
    EXPECT_THAT(text, HasSubstr("failed  upload fix"));
    EXPECT_THAT(text, HasSubstr("EINVAL"));
    EXPECT_THAT(text, HasSubstr("(XEN) livepatch: fix: is missing"));
    EXPECT_THAT(summary_line(failed_outcome()), HasSubstr("failed at upload fix: EINVAL"));
}

TEST(Report, FindingQuotesTheHypervisor) {
    Findings f = findings_of(failed_outcome());
    ASSERT_EQ(f.size(), 1u);
    EXPECT_EQ(f[0].why, "Step `upload fix' failed: EINVAL. The hypervisor said: livepatch: fix: is "
                        "missing");
}

TEST(Report, ProbesStandBelowEachOther) {
    Outcome o;
    for (const char* state : {"before", "applied", "reverted"}) {
        StepResult s;
        s.step = {std::string("probe ") + state, "probe", state, {}, false};
        s.verdict = Verdict::passed;
        s.exit_code = 0;
        s.output = std::string("one\n") + state + "\n";
        o.steps.push_back(s);
    }
    auto lines = text_lines(o, false);
    auto probe = std::find(lines.begin(), lines.end(), "probe");
    ASSERT_EQ(lines.end() - probe, 7);
    EXPECT_EQ(probe[1], "  before    exit 0   one");
    EXPECT_EQ(probe[4], "                     applied");
    EXPECT_TRUE(o.passed());
}

TEST(Report, JunitIsXmlWhateverTheOutput) {
    std::string xml = junit_xml({failed_outcome()});
    EXPECT_THAT(xml, HasSubstr("tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\""));
    EXPECT_THAT(xml, HasSubstr("no &lt;good&gt; &amp; \"bad\" \xef\xbf\xbd"));
    EXPECT_THAT(xml, Not(HasSubstr("\x01")));
    EXPECT_THAT(xml, HasSubstr("<skipped />"));
}

TEST(Report, DeathIsAnErrorOfItsOwnKind) {
    NamedOutcome n = failed_outcome();
    n.outcome.steps[1].verdict = Verdict::died;
    n.outcome.death = Death{DeathKind::panic, "Xen BUG at x.c:1", "f+0x1/0x2", {}, {"Panic"}};
    EXPECT_THAT(junit_xml({n}), HasSubstr("<error type=\"panic\""));
    EXPECT_THAT(summary_line(n), HasSubstr("died at upload fix: the hypervisor died: Xen BUG"));
    Findings f = findings_of(n);
    ASSERT_EQ(f.size(), 1u);
    EXPECT_EQ(f[0].code, "qa.died");
    EXPECT_EQ(failure_of(f), Failure::refused);
    EXPECT_EQ(to_json(n.outcome)["death"]["kind"], "panic");
    EXPECT_FALSE(n.outcome.passed());
}

} // namespace xlp::qa
