// SPDX-License-Identifier: GPL-2.0-only
// --base: what it stands for on a command line.
#include "folder.h"
#include "payload/base/file.h"
#include "tools/common/base.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace xlp {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using Strings = std::vector<std::string>;

class Bases : public testing::Test {
protected:
    Bases() {
        setenv("XLP_BASES", folder.path.c_str(), 1);
        fs::create_directories(folder / "mine");
        EXPECT_TRUE(write_file(folder / "mine/base.json",
                               R"({"base": 1, "name": "mine", "branch": "4.17", "version": "4.17.5",
                                   "build_id": "12", "cc": "gcc-12", "sha256": {},
                                   "make": ["debug=n", "A=b c"],
                                   "files": {"xen_syms": "xen-syms", "config": "config"}})"));
    }
    ~Bases() override { unsetenv("XLP_BASES"); }

    const std::map<std::string, std::string> files = {
        {"--cc", "cc"}, {"--xen-syms", "xen_syms"}, {"--kernel", "kernel"}};
    Folder folder;
};

TEST_F(Bases, ABaseStandsForTheOptionsThatItHasFilesFor) {
    const std::string syms = folder / "mine/xen-syms";
    auto words = expand_base({"fix.patch", "--base", "mine", "-v"}, files);
    ASSERT_TRUE(words);
    EXPECT_THAT(*words, ElementsAre("--cc", "gcc-12", "--xen-syms", syms, "fix.patch", "-v"));
    words = expand_base({"--base=" + (folder / "mine").string()}, files);
    ASSERT_TRUE(words);
    EXPECT_THAT(*words, ElementsAre("--cc", "gcc-12", "--xen-syms", syms));
}

TEST_F(Bases, VariablesOfMakeAreRepeated) {
    auto words = expand_base({"--base", "mine", "fix.patch"}, {{"--make", "make"}});
    ASSERT_TRUE(words);
    EXPECT_THAT(*words, ElementsAre("--make", "debug=n", "--make", "A=b c", "fix.patch"));
}

TEST_F(Bases, WhatIsGivenStays) {
    auto words = expand_base({"--base", "mine", "--xen-syms", "other", "--cc=clang"}, files);
    ASSERT_TRUE(words);
    EXPECT_THAT(*words, ElementsAre("--xen-syms", "other", "--cc=clang"));
    words = expand_base({"fix.patch"}, files);
    ASSERT_TRUE(words);
    EXPECT_THAT(*words, ElementsAre("fix.patch"));
    // behind the end of the options it is a file
    words = expand_base({"--", "--base", "mine"}, files);
    ASSERT_TRUE(words);
    EXPECT_THAT(*words, ElementsAre("--", "--base", "mine"));
}

TEST_F(Bases, WhatIsNoBaseIsNamed) {
    for (const char* name : {"none", "../mine", "", "mine/xen-syms"}) {
        auto words = expand_base({"--base", name}, files);
        if (*name) {
            ASSERT_FALSE(words) << name;
            EXPECT_EQ(words.error()[0].code, "base.missing");
        }
    }
    ASSERT_TRUE(write_file(folder / "mine/base.json", R"({"base": 1})"));
    auto words = expand_base({"--base", "mine"}, files);
    ASSERT_FALSE(words);
    EXPECT_EQ(words.error()[0].code, "base.malformed");
}

} // namespace
} // namespace xlp
