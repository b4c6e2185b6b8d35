// SPDX-License-Identifier: GPL-2.0-only
// The matrix's list of fixes, and its tables.
#include "payload/base/file.h"
#include "payload/base/json.h"
#include "tools/xlp-build/matrix/advisories.h"
#include "tools/xlp-build/matrix/recipes.h"
#include "tools/xlp-build/matrix/run.h"
#include "tools/xlp-build/source/tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace xlp::build {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;

class Matrix : public testing::Test {
protected:
    void SetUp() override { fs::create_directories(folder_); }
    void TearDown() override { fs::remove_all(folder_); }

    Result<std::vector<MatrixCase>> read(const std::string& text) {
        EXPECT_TRUE(write_file(folder_ / "list.csv", text));
        return read_cases(folder_ / "list.csv");
    }

    fs::path folder_ = fs::temp_directory_path() / ("xlp-matrix-" + std::to_string(getpid()));
};

TEST_F(Matrix, BaseIsAReleaseTheFirstCommitsParentOrARevision) {
    auto cases = read("branch,xsa,commits_in_order,release_tags_on_which_it_applies,base\n"
                      "4.17,430,8b5be1fe938f,4.17.0 4.17.1,\n"
                      "\n"
                      "4.17,434,c35a2dcd3892 ecb2a3cea9c7,parent of c35a2dcd3892,\n"
                      "4.17,501,1cc5e5babc1a,4.17.0,caf651fdbcad\n"
                      "4.17,505,7b8ea878a93f\n");
    ASSERT_TRUE(cases);
    ASSERT_EQ(cases->size(), 4U);
    EXPECT_EQ((*cases)[0].id(), "4.17/xsa430");
    EXPECT_THAT((*cases)[0].bases,
                ElementsAre("RELEASE-4.17.0", "RELEASE-4.17.1", "8b5be1fe938f^"));
    EXPECT_THAT((*cases)[1].bases, ElementsAre("c35a2dcd3892^"));
    EXPECT_EQ((*cases)[1].commits.size(), 2U);
    EXPECT_THAT((*cases)[2].bases, ElementsAre("caf651fdbcad"));
    EXPECT_THAT((*cases)[3].bases, ElementsAre("7b8ea878a93f^"));
}

TEST_F(Matrix, OneCaseOfEachBranchGoesAheadToPrepareWhatTheOthersShare) {
    std::vector<MatrixCase> cases(5);
    const char* branches[] = {"4.17", "4.17", "4.20", "4.17", "4.20"};
    for (std::size_t i = 0; i < cases.size(); ++i)
        cases[i].branch = branches[i];
    cases[0].decided = "not affected"; // nothing is prepared for it
    using Round = std::vector<std::size_t>;
    EXPECT_THAT(rounds(cases), ElementsAre(Round{1, 2}, Round{0, 3, 4}));
    cases.resize(2);
    EXPECT_THAT(rounds(cases), ElementsAre(Round{1}, Round{0}));
    EXPECT_TRUE(rounds({}).empty());
}

TEST_F(Matrix, LinesMayEndInACarriageReturn) {
    auto cases = read("branch,xsa,commits_in_order,base\r\n4.17,430,8b5be1fe938f,4.17.0\r\n");
    ASSERT_TRUE(cases);
    EXPECT_THAT((*cases)[0].bases, ElementsAre("RELEASE-4.17.0"));
}

TEST_F(Matrix, ListsThatLackSomethingAreRefusedWithTheLine) {
    EXPECT_FALSE(read("branch,commits_in_order\n"));
    auto cases = read("branch,xsa,commits_in_order\n4.17,430,8b5be1fe938f\n4.17,431,\n");
    ASSERT_FALSE(cases);
    EXPECT_EQ(cases.error()[0].code, "matrix.list");
    EXPECT_EQ(cases.error()[0].where.line, 3U);
}

TEST_F(Matrix, OnlyPayloadsThatXenTookAndRefusalsAreGood) {
    MatrixRow row;
    row.verdict = "payload";
    EXPECT_TRUE(row.good());
    row.nested = "failed at apply xsa1";
    EXPECT_FALSE(row.good());
    row.nested = "passed";
    EXPECT_TRUE(row.good());
    row.verdict = "refused";
    EXPECT_TRUE(row.good());
    row.verdict = "exit code 139";
    EXPECT_FALSE(row.good());
}

TEST_F(Matrix, TablesSayTheSame) {
    MatrixRow row;
    row.about = {"4.17", "xsa431", {"66c930ceac39"}, {"RELEASE-4.17.0"}, {}};
    row.base = "RELEASE-4.17.0";
    row.verdict = "refused";
    row.codes = {"data.per-cpu-new"};
    ASSERT_TRUE(write_tables(folder_, {row}));
    EXPECT_NE(read_text(folder_ / "table.csv")
                  ->find("4.17,xsa431,RELEASE-4.17.0,refused,"
                         "data.per-cpu-new"),
              std::string::npos);
    EXPECT_NE(read_text(folder_ / "table.md")->find("| refused: `data.per-cpu-new` |"),
              std::string::npos);
    const auto json = Json::parse(*read_text(folder_ / "table.json"));
    EXPECT_EQ(json[0]["codes"][0], "data.per-cpu-new");
}

TEST_F(Matrix, ABaseTakesPatchesThatApplyOneUponTheOther) {
    auto git = [&](std::vector<std::string> words) {
        Command c;
        c.argv = {"git", "-C", folder_.string(), "-c", "user.name=a", "-c", "user.email=b"};
        c.argv.insert(c.argv.end(), words.begin(), words.end());
        auto outcome = run_command(c, {});
        EXPECT_TRUE(outcome && outcome->ok()) << words[0];
    };
    git({"init", "-q"});
    fs::create_directories(folder_ / "xen");
    for (const char* text : {"a\n", "b\n", "c\n"}) {
        ASSERT_TRUE(write_file(folder_ / "xen/file", text));
        git({"add", "."});
        git({"commit", "-qm", text});
    }
    const Clone clone(folder_, {});
    const std::vector<fs::path> patches = {folder_ / "1", folder_ / "2"};
    ASSERT_TRUE(clone.write_patch("HEAD^", patches[0]));
    ASSERT_TRUE(clone.write_patch("HEAD", patches[1]));
    EXPECT_TRUE(clone.takes("HEAD^^", patches, folder_ / "s1").value());
    EXPECT_FALSE(clone.takes("HEAD^", patches, folder_ / "s2").value());
}

TEST_F(Matrix, ShardsMergedAreTheSameBytesAsOneRun) {
    std::vector<MatrixCase> cases;
    for (const char* name : {"xsa480", "xsa191", "xsa506", "xsa458", "xsa20"}) {
        MatrixCase c;
        c.branch = "debian-12";
        c.name = name;
        c.decided = "fixed";
        c.why = "<since> 4.17.0";
        cases.push_back(c);
    }
    MatrixSettings settings;
    auto run = [&](const fs::path& to, const std::vector<MatrixCase>& part) {
        std::vector<MatrixRow> rows;
        for (const MatrixCase& c : part)
            rows.push_back(run_case(c, Clone(folder_, {}), settings, {}).value());
        fs::create_directories(folder_ / to);
        ASSERT_TRUE(write_tables(folder_ / to, rows));
    };
    run("one", cases);
    run("a", part_of(cases, *parse_shard("1/2")));
    run("b", part_of(cases, *parse_shard("2/2")));
    auto merged = merge_tables({folder_ / "a", folder_ / "b"});
    ASSERT_TRUE(merged);
    EXPECT_EQ(merged->size(), cases.size());
    fs::create_directories(folder_ / "merged");
    ASSERT_TRUE(write_tables(folder_ / "merged", *merged));
    for (const char* file :
         {"table.json", "table.csv", "table.md", "atlas.md", "junit.xml", "index.html"})
        EXPECT_EQ(read_text(folder_ / "merged" / file).value(),
                  read_text(folder_ / "one" / file).value())
            << file;
    const std::string html = read_text(folder_ / "one/index.html").value();
    EXPECT_NE(html.find("&lt;since&gt;"), html.npos);
    EXPECT_LT(html.find("xsa20<"), html.find("xsa191<"));
    EXPECT_EQ(html.find("http"), html.npos); // needs nothing from elsewhere
    EXPECT_FALSE(merge_tables({folder_ / "nothing"}));
    for (const char* wrong : {"", "1", "0/2", "3/2", "1/2x", "a/b"})
        EXPECT_FALSE(parse_shard(wrong)) << wrong;
}

TEST_F(Matrix, WhatNeedsNoBuildIsDecidedWithItsReason) {
    Base base;
    base.name = "debian-12";
    base.branch = "4.17";
    base.version = "4.17.10";
    AdvisoryRecipe r;
    r.number = 900;
    r.concerns = {"hypervisor"};
    auto decided = [&]() {
        auto cases = advisory_cases({r}, {base}, true, {});
        return cases ? cases->at(0).decided : cases.error()[0].code;
    };
    EXPECT_EQ(decided(), "nothing known");
    r.branches["4.17"].commits = {std::string(40, '1')};
    r.concerns = {}; // as an advisory's text leaves it
    EXPECT_EQ(decided(), "nothing known");
    r.concerns = {"tools"};
    EXPECT_EQ(decided(), "not affected");
    r.concerns = {"hypervisor"};
    r.branches.clear();
    r.branches["4.17"].commits = {"1"};
    EXPECT_EQ(decided(), "");
    r.branches["4.17"].fixed_in = "4.17.9";
    EXPECT_EQ(decided(), "fixed");
    r.branches["4.17"].fixed_in = "4.17.11";
    EXPECT_EQ(decided(), "");
    for (const char* before : {"4.17.11-pre", "4.17.11-rc2", "4.17.11-unstable"}) {
        base.version = before;
        EXPECT_EQ(decided(), "") << before;
    }
    for (const char* since : {"4.17.11", "4.17.11-1", "4.17.11+3", "4.17.12-pre"}) {
        base.version = since;
        EXPECT_EQ(decided(), "fixed") << since;
    }
    base.version = "4.17.10";
    r.branches["4.17"].commits.clear();
    EXPECT_EQ(decided(), "matrix.patches");
    r.branches["4.17"].not_affected = "The code is newer.";
    EXPECT_EQ(decided(), "not affected");
    r.known = {"The toolstack's copy is what matters."};
    MatrixRow row;
    row.about = advisory_cases({r}, {base}, true, {})->at(0);
    EXPECT_EQ(row_from_json(to_json(row)).about.known, r.known);
    r.branches["4.17"] = {};
    r.branches["4.17"].commits = {"1"};
    r.concerns = {"hypervisor", "arm"};
    EXPECT_EQ(decided(), "not affected");
    r.concerns = {"hypervisor", "x86", "arm"};
    EXPECT_EQ(decided(), "");
    r.branches.clear();
    r.concerns = {"tools"};
    EXPECT_EQ(decided(), "not affected");
}

class Recipes : public Matrix {
protected:
    void SetUp() override {
        Matrix::SetUp();
        for (const char* name : {"xen/src/Makefile", "xen/config", "xen/syms", "xen/vmlinuz-1",
                                 "recipe/a.patch", "recipe/probe.c"})
            put(name, "x");
        put("branches.json", R"({"list": [
            {"name": "debian", "files": {"source": "src", "config": "config", "xen_syms": "syms",
                                         "kernel": "vmlinuz-*"}},
            {"name": "only-a-name"}]})");
    }
    void put(const std::string& name, const std::string& text) {
        fs::create_directories((folder_ / name).parent_path());
        ASSERT_TRUE(write_file(folder_ / name, text));
    }
    Result<Branches> branches(const std::string& xen) {
        return read_branches(folder_ / "branches.json", {{"debian", folder_ / xen}});
    }
    // The recipe's code of refusal, or what it says of itself.
    std::string recipe(const std::string& text) {
        put("recipe/recipe.json", text);
        auto c = read_recipe(folder_ / "recipe", *branches("xen"));
        if (!c)
            return c.error()[0].code + ": " + c.error()[0].why;
        std::string said = c->id();
        for (const std::string& w : c->recipe->words)
            said += " " + w;
        return said;
    }
};

TEST_F(Recipes, FilesOfABranchAreFoundInTheFolderNamedForIt) {
    auto found = branches("xen");
    ASSERT_TRUE(found);
    ASSERT_EQ(found->size(), 1U);
    EXPECT_EQ(found->at("debian").kernel, folder_ / "xen/vmlinuz-1");
    EXPECT_TRUE(found->at("debian").xen.empty());
    auto lacking = branches("recipe");
    ASSERT_FALSE(lacking);
    EXPECT_EQ(lacking.error()[0].code, "matrix.branches");
    // not named: a branch whose files are elsewhere is no fault
    EXPECT_TRUE(read_branches(folder_ / "branches.json", {})->empty());
}

TEST_F(Recipes, WhatARecipeSaysBecomesWordsOfTheCommand) {
    EXPECT_EQ(recipe(R"({"name": "fix", "branch": "debian", "patches": ["a.patch"],
                         "advisory": "XSA-1", "cve": ["CVE-2"], "title": "one fix"})"),
              "debian/fix --advisory XSA-1 --cve CVE-2 --title one fix");
    EXPECT_EQ(recipe(R"({"branch": "debian", "patches": ["a.patch"]})"), "debian/recipe");
}

TEST_F(Recipes, RecipesThatCannotBeTriedSayWhy) {
    EXPECT_NE(recipe(R"({"branch": "other", "patches": ["a.patch"]})").find("`other'"),
              std::string::npos);
    EXPECT_NE(recipe(R"({"branch": "debian", "patches": []})").find("no patches"),
              std::string::npos);
    EXPECT_NE(recipe(R"({"branch": "debian", "patches": ["a.patch"], "needs": ["b"]})")
                  .find("needs other recipes"),
              std::string::npos);
    EXPECT_EQ(recipe("[]").find("matrix.recipe"), 0U);
}

} // namespace
} // namespace xlp::build
