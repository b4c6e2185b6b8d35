// SPDX-License-Identifier: GPL-2.0-only
// What goes before a fix of a matrix, and what of that a base has already.
#include "payload/base/file.h"
#include "tools/common/process.h"
#include "tools/xlp-build/matrix/before.h"

#include "folder.h"
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace xlp::build {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;

AdvisoryRecipe fixed_by(unsigned number, std::vector<std::string> commits) {
    AdvisoryRecipe r;
    r.number = number;
    r.branches["4.20"].commits = std::move(commits);
    return r;
}

TEST(Before, IsWhatIsNeededThenThePrerequisitesEachOnce) {
    AdvisoryRecipe first = fixed_by(486, {"a"});
    AdvisoryRecipe second = fixed_by(500, {"c", "d"});
    second.branches["4.20"].needs = {"XSA-486"};
    second.branches["4.20"].prerequisites = {"b"};
    AdvisoryRecipe third = fixed_by(501, {"f"});
    third.branches["4.20"].needs = {"XSA-500", "XSA-486"};
    third.branches["4.20"].prerequisites = {"b", "e"};
    const std::vector<AdvisoryRecipe> all = {first, second, third};
    RecipesBeside recipes(all);
    auto before = recipes.before(third, third.branches["4.20"], "4.20");
    ASSERT_TRUE(before);
    EXPECT_THAT(*before, ElementsAre("a", "b", "c", "d", "e"));
}

TEST(Before, ARecipeThatIsNeededAndNotGivenIsReadFromBeside) {
    Folder folder;
    const std::string commit(40, 'a');
    ASSERT_TRUE(write_file(folder / "xsa-500.json",
                           R"({"recipe": 2, "advisory": "XSA-500", "title": "t",
                               "concerns": ["hypervisor"],
                               "branches": {"4.20": {"commits": [")"
                               + commit + R"("]}}})"));
    AdvisoryRecipe r = fixed_by(501, {"f"});
    r.file = folder / "xsa-501.json";
    r.branches["4.20"].needs = {"XSA-500"};
    const std::vector<AdvisoryRecipe> all = {r};
    RecipesBeside recipes(all);
    auto before = recipes.before(r, r.branches["4.20"], "4.20");
    ASSERT_TRUE(before);
    EXPECT_THAT(*before, ElementsAre(commit));
    r.branches["4.20"].needs = {"XSA-1"};
    EXPECT_FALSE(recipes.before(r, r.branches["4.20"], "4.20"));
}

// Recipes that were given were checked together; those that lie next to them were not.
TEST(Before, ACycleAndAnUnknownBranchAreErrors) {
    Folder folder;
    const auto put = [&](unsigned number, const char* branch, unsigned needs) {
        ASSERT_TRUE(write_file(folder / fmt::format("xsa-{}.json", number),
                               fmt::format(R"({{"recipe": 2, "advisory": "XSA-{}", "title": "t",
                                   "concerns": ["hypervisor"], "branches": {{"{}":
                                   {{"commits": ["{}"], "needs": ["XSA-{}"]}}}}}})",
                                           number, branch, std::string(40, 'a'), needs)));
    };
    put(500, "4.20", 502);
    put(502, "4.20", 500);
    put(503, "4.19", 504);
    AdvisoryRecipe r = fixed_by(501, {"f"});
    r.file = folder / "xsa-501.json";
    for (const auto& [needs, code] :
         {std::pair{"XSA-500", "recipe.cycle"}, {"XSA-503", "recipe.needs"}}) {
        r.branches["4.20"].needs = {needs};
        const std::vector<AdvisoryRecipe> all = {r};
        auto before = RecipesBeside(all).before(r, r.branches["4.20"], "4.20");
        ASSERT_FALSE(before) << needs;
        EXPECT_EQ(before.error().front().code, code);
    }
}

// A clone in which `file` has been a, b and c, and a source of which a test says what it has.
class BaseHas : public testing::Test {
protected:
    void SetUp() override {
        git({"init", "-q"});
        fs::create_directories(folder / "xen");
        fs::create_directories(folder / "source/xen");
        for (const char* text : {"a\n", "b\n", "c\n", "d\n"}) {
            ASSERT_TRUE(write_file(folder / "xen/file", text));
            git({"add", "xen"});
            git({"commit", "-qm", text});
        }
        c.before = {clone.resolve("HEAD^^").value(), clone.resolve("HEAD^").value()};
    }

    void git(std::vector<std::string> words) {
        Command command;
        command.argv = {"git", "-C", folder / "", "-c", "user.name=a", "-c", "user.email=b"};
        command.argv.insert(command.argv.end(), words.begin(), words.end());
        auto outcome = run_command(command, {});
        EXPECT_TRUE(outcome && outcome->ok()) << words[0];
    }

    std::vector<std::string> lacks(const char* text) {
        EXPECT_TRUE(write_file(folder / "source/xen/file", text));
        auto patches = patches_before(c, folder / "source", clone, folder / "", {});
        EXPECT_TRUE(patches);
        std::vector<std::string> names;
        for (const fs::path& p : patches.value_or(std::vector<fs::path>{}))
            names.push_back(p.filename());
        return names;
    }

    Folder folder;
    Clone clone{folder / "", {}};
    MatrixCase c;
};

TEST_F(BaseHas, WhatItLacksGoesBefore) {
    EXPECT_THAT(lacks("a\n"), ElementsAre("before-0001.patch", "before-0002.patch"));
}

TEST_F(BaseHas, WhatItsHistoryHasIsLeftOut) {
    c.built_from = "HEAD^^"; // of which later changes leave nothing to be seen in the source
    EXPECT_THAT(lacks("d\n"), ElementsAre("before-0002.patch"));
    c.built_from = "HEAD";
    EXPECT_THAT(lacks("d\n"), IsEmpty());
    c.built_from = "RELEASE-4.99.0"; // the clone does not know it
    EXPECT_THAT(lacks("a\n"), ElementsAre("before-0001.patch", "before-0002.patch"));
}

TEST_F(BaseHas, WhatSomebodyPutIntoItsSourceIsLeftOut) {
    EXPECT_THAT(lacks("b\n"), ElementsAre("before-0002.patch"));
}

} // namespace
} // namespace xlp::build
