// SPDX-License-Identifier: GPL-2.0-only
// Tests of XTF in a matrix: what xlp-qa is asked for, and what becomes of its answer. In the place
// of xlp-build and xlp-qa stand scripts.
#include "payload/base/file.h"
#include "tools/xlp-build/matrix/run.h"
#include "tools/xlp-build/matrix/stacks.h"

#include "folder.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace xlp::build {
namespace {

namespace fs = std::filesystem;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

constexpr char fake_build[] = R"sh(#!/bin/sh
while [ $# -gt 1 ]; do [ "$1" = -o ] && echo payload >"$2"; shift; done
echo '{"contents": [{"role": "replacement"}], "size": 8}'
)sh";

// Answers with ANSWER, and writes down what it was asked.
constexpr char fake_qa[] = R"sh(#!/bin/sh
cd "$(dirname "$0")" || exit 5
echo "$@" >>asked
cat answer.json
exit "$(cat status)"
)sh";

constexpr char closed[] = R"({"steps": [], "xtf": [
  {"test": "xsa-1:hvm64", "proof": "closed", "why": "",
   "before": {"end": "died", "why": "Xen BUG at <a>.c:1", "console": "--- XTF ---\n",
              "log": ["Xen BUG at <a>.c:1"]},
   "applied": {"end": "SUCCESS", "why": "", "console": "fine\n", "log": []},
   "reverted": {"end": "died", "why": "Xen BUG at <a>.c:1", "console": "", "log": []}},
  {"test": "xsa-1:pv64", "proof": "not testable", "why": "no #XM",
   "before": {"end": "unknown"}, "applied": {"end": "unknown"}, "reverted": {"end": "unknown"}}]})";

constexpr char open[] = R"({"steps": [{"name": "boot", "verdict": "passed"}], "xtf": [
  {"test": "xsa-1:hvm64", "proof": "open", "why": "", "before": {"end": "died"},
   "applied": {"end": "FAILURE"}, "reverted": {"end": "died"}}]})";

class MatrixXtf : public testing::Test {
protected:
    MatrixXtf() {
        put("xlp-build", fake_build);
        put("xlp-qa", fake_qa);
        for (const char* program : {"xlp-build", "xlp-qa"})
            fs::permissions(folder / program, fs::perms::owner_all);
        for (const char* file : {"xen-syms", "xen", "kernel", "fix.patch"})
            put(file, file);
        put("xtf/tests/xsa-1/info.json", "{}");
        put("xtf/tests/xsa-1/test-hvm64-xsa-1", "image");
        settings.output = folder / "out";
        settings.cache = folder / "cache";
        settings.xlp_build = folder / "xlp-build";
        settings.xlp_qa = folder / "xlp-qa";
        settings.kernel = folder / "kernel";
        settings.xtf = folder / "xtf";
        settings.progress = [](const std::string&) {};
        fix.branch = "base";
        fix.name = "xsa1";
        fix.recipe = PatchRecipe{};
        fix.recipe->hypervisor.source = folder / "source";
        fix.recipe->hypervisor.xen_syms = folder / "xen-syms";
        fix.recipe->hypervisor.xen = folder / "xen";
        fix.recipe->patches = {folder / "fix.patch"};
        fix.xtf = {"xsa-1", "xsa-1-newer"};
    }

    void put(const fs::path& name, const std::string& text) {
        fs::create_directories((folder.path / name).parent_path());
        ASSERT_TRUE(write_file(folder.path / name, text));
    }
    std::string got(const fs::path& name) { return read_text(folder.path / name).value_or(""); }

    MatrixRow run(const std::string& answer, int status) {
        put("answer.json", answer);
        put("status", std::to_string(status));
        auto row = run_case(fix, Clone({}, {}), settings, {});
        EXPECT_TRUE(row) << row.error().front().why;
        return row.value_or(MatrixRow());
    }
    // The tables of this row, and those of its merged table: the same bytes.
    void write(const MatrixRow& row) {
        ASSERT_TRUE(write_tables(settings.output, {row}));
        auto merged = merge_tables({settings.output});
        ASSERT_TRUE(merged);
        fs::create_directories(folder / "merged");
        ASSERT_TRUE(write_tables(folder / "merged", *merged));
        for (const char* file : {"table.json", "table.csv", "table.md", "junit.xml", "index.html"})
            EXPECT_EQ(got(fs::path("merged") / file), got(fs::path("out") / file)) << file;
    }

    Folder folder;
    MatrixSettings settings;
    MatrixCase fix;
};

TEST_F(MatrixXtf, ATestBeforeAppliedAndAfterIsShownEverywhere) {
    settings.xen_arguments = "hvm_fep";
    const MatrixRow row = run(closed, 0);
    EXPECT_TRUE(row.good());
    ASSERT_EQ(row.xtf.size(), 3U);
    EXPECT_EQ(row.xtf[0].proof, "closed");
    EXPECT_EQ(row.xtf[1].before.end, ""); // what was not run has no end
    EXPECT_EQ(row.xtf[2].proof, "missing");
    EXPECT_EQ(count_proofs(row.xtf), "1 closed, 1 missing, 1 not testable");
    EXPECT_THAT(got("asked"), HasSubstr("--xen-args hvm_fep --xtf"));
    EXPECT_THAT(got("asked"), HasSubstr("--test xsa-1 --json"));
    EXPECT_THAT(got("out/base/xsa1/xtf.log"),
                HasSubstr("=== xsa-1:hvm64 before: died: Xen BUG at <a>.c:1\n--- XTF ---\n(XEN) "));
    write(row);
    EXPECT_THAT(got("out/table.md"), HasSubstr("| xsa-1:hvm64 closed, xsa-1:pv64 not testable"));
    EXPECT_THAT(got("out/table.csv"), HasSubstr(",xsa-1:hvm64=closed;xsa-1:pv64=not testable;"));
    const std::string junit = got("out/junit.xml"), page = got("out/index.html");
    EXPECT_THAT(junit, HasSubstr("tests=\"4\" failures=\"0\""));
    EXPECT_THAT(junit, HasSubstr("skipped=\"2\""));
    EXPECT_THAT(junit, ContainsRegex("name=\"xsa-1:hvm64\">\n *<system-out>before: died: Xen BUG"));
    EXPECT_THAT(junit, HasSubstr("Xen BUG at &lt;a&gt;.c:1"));
    EXPECT_THAT(junit, ContainsRegex("\"xsa-1:pv64\">\n *<skipped message=\"not testable: no #XM"));
    EXPECT_THAT(page, HasSubstr("<td>died: Xen BUG at &lt;a&gt;.c:1</td><td>SUCCESS</td>"));
    EXPECT_THAT(page, HasSubstr("href=\"base/xsa1/xtf.log\""));
    EXPECT_THAT(page, HasSubstr("tests of XTF: 1 closed, 1 missing, 1 not testable"));
}

TEST_F(MatrixXtf, AFailureIsTriedAgainAndASuccessIsNot) {
    EXPECT_EQ(run("{}", 4).nested, "failed with exit code 4");
    EXPECT_EQ(run(closed, 0).nested, "passed");
    EXPECT_EQ(run("{}", 4).nested, "passed");
}

TEST_F(MatrixXtf, AHoleThatStaysOpenIsAFailure) {
    const MatrixRow row = run(open, 1);
    EXPECT_FALSE(row.good());
    EXPECT_THAT(row.nested, HasSubstr("XTF test xsa-1:hvm64 still finds the vulnerability"));
    write(row);
    EXPECT_THAT(got("out/junit.xml"),
                ContainsRegex("name=\"xsa-1:hvm64\">\n *<failure message=\"open\" />"));
    EXPECT_THAT(got("out/index.html"), HasSubstr("<td class=\"failed\">open</td>"));
}

TEST_F(MatrixXtf, WithoutXtfTestsAreQuietlyNotRun) {
    settings.xtf.clear();
    const MatrixRow row = run(R"({"steps": []})", 0);
    EXPECT_TRUE(row.good());
    EXPECT_THAT(got("asked"), Not(HasSubstr("--test")));
    write(row);
    EXPECT_THAT(got("out/table.json"), HasSubstr("\"proof\": \"not run\""));
    EXPECT_THAT(got("out/index.html"), HasSubstr("XTF's xsa-1: not run: No XTF was given."));
    EXPECT_THAT(got("out/junit.xml"), HasSubstr("tests=\"1\""));
    EXPECT_EQ(count_proofs(row.xtf), "");
    // given later, it is no longer what was done before
    settings.xtf = folder / "xtf";
    EXPECT_EQ(run(closed, 0).xtf[0].proof, "closed");
}

TEST_F(MatrixXtf, AnotherImageOrArgumentIsRunAgain) {
    run(closed, 0);
    const std::string once = got("asked");
    run(open, 1);
    EXPECT_EQ(got("asked"), once);
    put("xtf/tests/xsa-1/test-hvm64-xsa-1", "another image");
    EXPECT_EQ(run(open, 1).xtf[0].proof, "open");
    settings.xen_arguments = "hvm_fep";
    EXPECT_EQ(run(closed, 0).xtf[0].proof, "closed");
}

TEST_F(MatrixXtf, AnXtfWithoutTestsIsRefused) {
    EXPECT_TRUE(check_xtf(folder / "xtf"));
    EXPECT_EQ(check_xtf(folder / "out").error().front().code, "matrix.no-xtf");
    EXPECT_TRUE(has_test(folder / "xtf", "xsa-1~hap:hvm64"));
    EXPECT_FALSE(has_test(folder / "xtf", "xsa-2"));
}

} // namespace
} // namespace xlp::build
