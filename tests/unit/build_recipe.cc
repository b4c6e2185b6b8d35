// SPDX-License-Identifier: GPL-2.0-only
// Recipes: what is wrong with one, what is shipped, and what is made of an advisory as published.
#include "folder.h"
#include "payload/base/file.h"
#include "tools/xlp-build/recipe/import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace xlp::build {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string hash_a(64, 'a'), hash_b(64, 'b'), hash_c(64, 'c');
const std::string commit_1(40, '1');

class Recipe : public testing::Test {
protected:
    Result<AdvisoryRecipe> read(const std::string& name, const std::string& text) {
        EXPECT_TRUE(write_file(folder_ / name, text));
        return read_advisory(folder_ / name);
    }
    Imported text(const std::string& patches, const std::string& hashes,
                  const std::string& newest = "") {
        const std::string whole =
            "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n"
            "            Xen Security Advisory CVE-2031-1001,CVE-2031-1002 / XSA-900\n"
            "                               version 2\n\n"
            "           x86: an example of\n           a title\n\n"
            "UPDATES IN VERSION 2\n====================\n\nPublic release.\n\n"
            "RESOLUTION\n==========\n\nApplying the patch resolves this issue.\n\n"
            + patches + "\n$ sha256sum xsa900*\n" + hashes + "$\n";
        ImportContext context{{}, newest, hashes_of(whole)};
        auto imported = import_text(whole, "advisory-900.txt", context);
        EXPECT_TRUE(imported);
        return imported ? std::move(*imported) : Imported{};
    }
    static std::vector<std::string> files(const AdvisoryRecipe& r, const std::string& branch) {
        std::vector<std::string> names;
        if (auto it = r.branches.find(branch); it != r.branches.end())
            for (const PublishedPatch& p : it->second.patches)
                names.push_back(p.file);
        return names;
    }

    Folder folder_;
};

TEST_F(Recipe, EveryFaultIsToldWithItsLine) {
    auto r = read("xsa-7.json", R"({
    "recipe": 2,
    "advisory": "XSA-8",
    "cves": ["CVE-1"],
    "title": "one",
    "public": "2026-02-30",
    "colour": "red",
    "concerns": ["hypervisor"],
    "branches": {
        "4.17": { "commits": ["abc"] },
        "4.18": { "fixed_in": "4.17.1" },
        "4.19": { },
        "4.20": { "not_affected": "new code", "fixed_in": "4.20.0" }
    }
})");
    ASSERT_FALSE(r);
    std::vector<unsigned> lines;
    for (const Finding& f : r.error()) {
        EXPECT_EQ(f.code, "recipe.malformed");
        lines.push_back(f.where.line);
    }
    EXPECT_THAT(lines, ElementsAre(3U, 4U, 6U, 7U, 10U, 11U, 12U, 13U));
}

TEST_F(Recipe, TextThatIsNoJsonIsToldWithItsLine) {
    auto r = read("xsa-7.json", "{\n    \"recipe\": 2,\n    oops\n}\n");
    ASSERT_FALSE(r);
    EXPECT_EQ(r.error()[0].where.line, 3U);
    auto twice = read("xsa-7.json", "{\n\"recipe\": 2,\n\"recipe\": 2\n}\n");
    ASSERT_FALSE(twice);
    std::string said;
    for (const Finding& f : twice.error())
        said += f.why;
    EXPECT_THAT(said, HasSubstr("Duplicate key `recipe'"));
}

TEST_F(Recipe, WhatIsNeededMustBeThereAndMustNotGoInCircles) {
    AdvisoryRecipe a, b, c;
    a.number = 1;
    a.branches["4.17"].needs = {"XSA-2"};
    b.number = 2;
    b.branches["4.17"].needs = {"XSA-1"};
    c.number = 3;
    c.branches["4.17"].needs = {"XSA-9"};
    const Findings f = check_together({a, b, c});
    ASSERT_EQ(f.size(), 2U);
    EXPECT_EQ(f[0].code, "recipe.needs");
    EXPECT_EQ(f[1].code, "recipe.cycle");
    EXPECT_THAT(check_together({b, b})[0].code, "recipe.twice");
}

TEST_F(Recipe, TheSameFactsAreTheSameBytes) {
    AdvisoryRecipe a;
    a.number = 900;
    a.title = "one";
    a.concerns = {"hypervisor"};
    a.branches["4.9"].patches = {{"xsa900-4.9.patch", hash_a}};
    a.branches["4.17"].commits = {commit_1};
    a.branches["4.17"].fixed_in = "4.17.1";
    auto again = read("xsa-900.json", recipe_text(a));
    ASSERT_TRUE(again);
    EXPECT_EQ(recipe_text(*again), recipe_text(a));
    EXPECT_THAT(branch_names(*again), ElementsAre("4.9", "4.17"));
}

TEST_F(Recipe, ShippedOnesHaveNoFault) {
    const fs::path folder = fs::path(XLP_SOURCE_DIR) / "xen-patches/recipes";
    std::vector<AdvisoryRecipe> all;
    for (const fs::path& file : recipe_files({folder.string()})) {
        auto r = read_advisory(file);
        ASSERT_TRUE(r) << file << ": " << r.error()[0].why;
        EXPECT_EQ(recipe_text(*r), read_text(file).value()) << file;
        all.push_back(std::move(*r));
    }
    EXPECT_GE(all.size(), 80U);
    EXPECT_THAT(check_together(all), IsEmpty());
}

TEST_F(Recipe, AnAdvisoryIsReadWithItsRangesGlobsAndHashes) {
    const Imported i =
        text("xsa900.patch           xen-unstable\n"
             "xsa900-4.21-?.patch    Xen 4.21.x - Xen 4.19.x\n"
             "xsa900-4.18.patch      Xen 4.18.x, 4.17.x\n",
             hash_a + "  xsa900.patch\n" + hash_b + "  xsa900-4.21-2.patch\n" + hash_c
                 + "  xsa900-4.21-1.patch\n" + hash_a + "  xsa900-4.18.patch\n");
    ASSERT_THAT(i.findings, IsEmpty());
    const AdvisoryRecipe& r = i.recipes.at(0);
    EXPECT_EQ(r.id(), "XSA-900");
    EXPECT_EQ(r.title, "x86: an example of a title");
    EXPECT_THAT(r.cves, ElementsAre("CVE-2031-1001", "CVE-2031-1002"));
    EXPECT_THAT(branch_names(r), ElementsAre("4.17", "4.18", "4.19", "4.20", "4.21", "master"));
    EXPECT_THAT(files(r, "4.20"), ElementsAre("xsa900-4.21-1.patch", "xsa900-4.21-2.patch"));
    EXPECT_EQ(r.branches.at("4.17").patches[0].sha256, hash_a);
}

TEST_F(Recipe, WhatIsNotUnderstoodIsSaid) {
    const std::string hashes = hash_a + "  xsa900.patch\n" + hash_b + "  xsa900-extra.patch\n";
    const Imported i = text("xsa900.patch      xen-unstable - Xen 4.19.x\n"
                            "xsa901.patch      Xen 4.18.x\n"
                            "xsa900.patch      everything old\n",
                            hashes);
    std::string said;
    for (const Finding& f : i.findings) {
        EXPECT_GT(f.where.line, 0U);
        said += f.why + "\n";
    }
    EXPECT_THAT(said, HasSubstr("--newest"));
    EXPECT_THAT(said, HasSubstr("`xsa901.patch' matches no file"));
    EXPECT_THAT(said, HasSubstr("`everything old' is not a branch"));
    EXPECT_THAT(said, HasSubstr("xsa900-extra.patch is published"));
    const Imported known =
        text("xsa900.patch      xen-unstable - Xen 4.19.x\n", hash_a + "  xsa900.patch\n", "4.21");
    EXPECT_THAT(known.findings, IsEmpty());
    EXPECT_THAT(branch_names(known.recipes[0]), ElementsAre("4.19", "4.20", "4.21", "master"));
}

TEST_F(Recipe, APatchForAnotherProjectIsNoneForXen) {
    const std::string rows = "xsa900-qemuu.patch     qemu upstream, Xen unstable, 4.6.x, 4.5.x\n"
                             "xsa900-4.7.patch       qemu-xen 4.7, 4.6\n"
                             "xsa900-old.patch       qemu-xen-traditional: Xen unstable, 4.6.x\n"
                             "xsa900-qemut-4.3.patch Xen 4.3.x\n"
                             "xsa900-linux-?.patch   Linux 6.0, 6.1-rc, 5.10.18 onwards\n"
                             "xsa900-xapi.patch      XAPI master\n";
    std::string hashes;
    for (const char* name : {"qemuu", "4.7", "old", "qemut-4.3", "linux-1", "xapi", "both"})
        hashes += hash_a + "  xsa900-" + name + ".patch\n";
    const Imported i = text(rows, hashes);
    EXPECT_THAT(branch_names(i.recipes.at(0)), IsEmpty());
    EXPECT_THAT(i.recipes.at(0).concerns, ElementsAre("qemu", "linux", "other"));
    ASSERT_EQ(i.findings.size(), 2U);
    EXPECT_THAT(i.findings[0].why, HasSubstr("its name says qemut"));
    EXPECT_THAT(i.findings[1].why, HasSubstr("xsa900-both.patch is published"));
    const Imported open = text(rows + "xsa900-both.patch      Xen 4.9.x, Linux\n", hashes);
    EXPECT_THAT(open.findings.at(1).why, HasSubstr("both Xen and another project"));
    EXPECT_THAT(open.recipes.at(0).concerns, IsEmpty());
    const Imported gone = text(rows + "xsa900-gone.patch      Xen 4.9.x\n", hashes);
    EXPECT_THAT(gone.recipes.at(0).concerns, IsEmpty());
}

TEST_F(Recipe, PatchesForXenBesideThoseOfAnotherProjectLeaveOpenWhatIsConcerned) {
    const auto import = [&](const std::string& rows) {
        const std::string whole = "Xen Security Advisory XSA-900\n\na title\n\nRESOLUTION\n"
                                  "==========\n\n"
                                  + rows + "\n$ sha256sum xsa900*\n" + hash_a
                                  + "  xsa900-linux.patch\n" + hash_b + "  xsa900-xen.patch\n$\n";
        EXPECT_TRUE(write_file(folder_ / "advisory-900.txt", whole));
        ImportRequest request;
        request.files = {folder_ / "advisory-900.txt"};
        auto imported = import_recipes(request, {});
        EXPECT_TRUE(imported);
        return imported ? std::move(*imported) : Imported{};
    };
    const Imported both = import("xsa900-linux.patch  Linux\nxsa900-xen.patch  Xen 4.18.x\n");
    ASSERT_EQ(both.findings.size(), 1U);
    EXPECT_THAT(both.findings[0].why, HasSubstr("patches for Xen and for another project"));
    EXPECT_THAT(both.recipes.at(0).concerns, IsEmpty());
    EXPECT_THAT(files(both.recipes[0], "4.18"), ElementsAre("xsa900-xen.patch"));
    EXPECT_THAT(import("xsa900-*.patch  Linux\n").recipes.at(0).concerns, ElementsAre("linux"));
}

TEST_F(Recipe, PatchesThatAreThereSayWhatAnAdvisoryConcerns) {
    const auto concerns = [&](const std::string& changed) {
        EXPECT_TRUE(write_file(folder_ / "xsa900.patch",
                               "a title\n\n--- a/" + changed + "\n+++ b/" + changed
                                   + "\n@@ -1 +1 @@\n-x\n+y\n--- /dev/null\n+++ b/" + changed
                                   + "2\n@@ -0,0 +1 @@\n+y\n"));
        EXPECT_TRUE(write_file(folder_ / "advisory-900.txt",
                               "Xen Security Advisory XSA-900\n\na title\n\nRESOLUTION\n"
                               "==========\n\nxsa900.patch  Xen 4.18.x\n"));
        ImportRequest request;
        request.files = {folder_ / "advisory-900.txt"};
        request.patches = folder_.path;
        auto imported = import_recipes(request, {});
        EXPECT_TRUE(imported && imported->findings.empty());
        return imported ? imported->recipes.at(0).concerns : std::vector<std::string>{};
    };
    EXPECT_THAT(concerns("xen/arch/x86/mm.c"), ElementsAre("hypervisor", "x86"));
    EXPECT_THAT(concerns("tools/xenstored/core.c"), ElementsAre("tools"));
    EXPECT_THAT(concerns("SUPPORT.md"), ElementsAre("other"));
}

TEST_F(Recipe, TwoVersionsOfOneAdvisoryAreRefused) {
    ImportRequest request;
    for (const char* name : {"v1.txt", "v2.txt"}) {
        request.files.push_back(folder_ / name);
        EXPECT_TRUE(write_file(request.files.back(),
                               "Xen Security Advisory XSA-900\n\na title\n\nRESOLUTION\n"
                               "==========\n\nxsa900.patch  Xen 4.18.x\n\n$ sha256sum xsa900*\n"
                                   + hash_a + "  xsa900.patch\n$\n"));
    }
    auto both = import_recipes(request, {});
    ASSERT_FALSE(both);
    EXPECT_EQ(both.error()[0].code, "recipe.contradiction");
    request.files.pop_back();
    EXPECT_TRUE(import_recipes(request, {}));
}

TEST_F(Recipe, ReleasesAndListsWithoutCommasAreBranches) {
    const std::string hash = hash_a + "  xsa900.patch\n";
    const auto branches = [&](const std::string& target, const std::string& newest = "") {
        const Imported i = text("xsa900.patch   " + target + "\n", hash, newest);
        EXPECT_THAT(i.findings, IsEmpty()) << target;
        return branch_names(i.recipes.at(0));
    };
    EXPECT_THAT(branches("xen-unstable, Xen 4.21.0"), ElementsAre("4.21", "master"));
    EXPECT_THAT(branches("Xen 4.21.x ... Xen 4.19.6"), ElementsAre("4.19", "4.20", "4.21"));
    EXPECT_THAT(branches("Xen 4.21.x - Xen 4.20.x."), ElementsAre("4.20", "4.21"));
    EXPECT_THAT(branches("xen-unstable, Xen 4.9.x Xen 4.8.x Xen 4.7.x"),
                ElementsAre("4.7", "4.8", "4.9", "master"));
    EXPECT_THAT(branches("xen-unstable - Xen 4.19.x", "4.19"), ElementsAre("4.19", "master"));
    const Imported old = text("xsa900.patch   xen-unstable - Xen 4.19.x\n", hash, "4.18");
    ASSERT_EQ(old.findings.size(), 1U);
    EXPECT_THAT(old.findings[0].why, HasSubstr("newer than 4.18 of --newest"));
    EXPECT_THAT(branch_names(old.recipes.at(0)), ElementsAre("4.19", "master"));
}

TEST_F(Recipe, AGlobTakesItsFilesInTheirOrderAndNoneOfAnotherRowOrAdvisory) {
    const Imported i = text("xsa900-??.patch    xen-unstable\n"
                            "xsa900-*.patch     Xen 4.20.x, 4.20.x\n"
                            "xsa899.patch       Xen 4.19.x\n",
                            hash_a + "  xsa900-10.patch\n" + hash_b + "  xsa900-9.patch\n" + hash_c
                                + "  xsa899.patch\n");
    EXPECT_THAT(files(i.recipes.at(0), "4.20"), ElementsAre("xsa900-9.patch", "xsa900-10.patch"));
    EXPECT_THAT(branch_names(i.recipes.at(0)), ElementsAre("4.20", "master"));
    ASSERT_EQ(i.findings.size(), 3U);
    EXPECT_THAT(i.findings[0].why, HasSubstr("xsa900-10.patch is in two rows"));
    EXPECT_THAT(i.findings[1].why, HasSubstr("xsa899.patch is not named for XSA-900"));
    EXPECT_THAT(i.findings[2].why, HasSubstr("xsa899.patch is published"));
}

TEST_F(Recipe, AMetaFileHasPrerequisitesInOrderThatMayBeNull) {
    const std::string meta = R"({"XSA": 900, "SupportedVersions": ["master", "4.9"],
        "Trees": ["xen"], "Recipes": {
        "4.9": {"XenVersion": "4.9", "Recipes": {"xen": {
            "StableRef": ")" + commit_1
                             + R"(",
            "Prereqs": [899, 898], "Patches": ["xsa900-4.9/*"]}}},
        "4.8": {"XenVersion": "4.8", "Recipes": {"xen": {
            "Prereqs": null, "Patches": ["xsa900.patch"]}}},
        "4.7": {"XenVersion": "4.7", "Recipes": {"xen": {"Prereqs": [], "Patches": []}}}}})";
    const ImportContext context{{},
                                {},
                                {{"xsa900-4.9/0002-b.patch", hash_b},
                                 {"xsa900-4.9/0001-a.patch", hash_a},
                                 {"xsa900.patch", hash_c}}};
    auto i = import_meta(meta, "xsa900.meta", context);
    ASSERT_TRUE(i);
    EXPECT_THAT(i->findings, IsEmpty());
    const AdvisoryRecipe& r = i->recipes.at(0);
    EXPECT_THAT(branch_names(r), ElementsAre("4.8", "4.9"));
    EXPECT_THAT(r.branches.at("4.9").needs, ElementsAre("XSA-899", "XSA-898"));
    EXPECT_THAT(files(r, "4.9"), ElementsAre("xsa900-4.9/0001-a.patch", "xsa900-4.9/0002-b.patch"));
    EXPECT_EQ(r.branches.at("4.9").patches_for, commit_1);
}

TEST_F(Recipe, AMessageSaysWhatACommitIsOrOnlyMentionsIt) {
    EXPECT_THAT(read_naming("x\n\nThis is CVE-2031-9 / part of XSA-196.\n").advisories,
                ElementsAre(196U));
    EXPECT_THAT(read_naming("This is XSA-425/CVE-2022-42330.").advisories, ElementsAre(425U));
    EXPECT_THAT(read_naming("Everything together is XSA-501.").advisories, ElementsAre(501U));
    const Naming n = read_naming("The XSA-438 fix introduced this.\nThis is CVE-2031-1234.");
    EXPECT_THAT(n.advisories, IsEmpty());
    EXPECT_THAT(n.mentioned, ElementsAre(438U));
    EXPECT_THAT(n.cves, ElementsAre("CVE-2031-1234"));
}

TEST_F(Recipe, ASeriesSaysWhichPatchesOfOneBranch) {
    ASSERT_TRUE(write_file(folder_ / "xsa900-1.patch", "one"));
    ASSERT_TRUE(write_file(folder_ / "other.patch", "Subject: x\n\nThis is XSA-901.\n---\n"));
    auto i = import_series("# queue\nxsa900-1.patch -p1\n\nother.patch\ngone.patch\n",
                           folder_ / "series", "4.17");
    ASSERT_TRUE(i);
    ASSERT_EQ(i->recipes.size(), 2U);
    EXPECT_EQ(i->recipes[1].id(), "XSA-901");
    ASSERT_EQ(i->findings.size(), 1U);
    EXPECT_EQ(i->findings[0].where.line, 5U);
}

} // namespace
} // namespace xlp::build
