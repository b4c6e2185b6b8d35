// SPDX-License-Identifier: GPL-2.0-only
// Chains and cumulative payloads of a matrix: what xlp-build is asked for. In its place stands a
// script that writes down its arguments, and assembles a payload with a build-id of its own.
#include "payload/base/file.h"
#include "payload/manifest/manifest.h"
#include "tools/common/process.h"
#include "tools/xlp-build/matrix/stacks.h"

#include "folder.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace xlp::build {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr char fake[] = R"sh(#!/bin/sh
all="$*"
while [ $# -gt 1 ]; do [ "$1" = -o ] && out=$2; [ "$1" = --name ] && name=$2; shift; done
echo "$all" >"$out.arguments"
case $all in *refuse.patch*)
    echo '{"findings": [{"code": "init.half", "severity": "error", "why": "No."}]}'; exit 1 ;;
esac
case $all in *grows.patch*)
    echo '{"findings": [{"code": "init.half", "severity": "error", "why": "Boot."},
                        {"code": "types.layout", "severity": "error", "why": "It grows."},
                        {"code": "data.new", "severity": "error", "why": "New."}]}'; exit 1 ;;
esac
case $all in *conflict.patch*1.patch* | *1.patch*conflict.patch*)
    echo '{"findings": [{"code": "patch.does-not-apply", "severity": "error", "why": "No."}]}'
    exit 3 ;;
esac
case $all in *0001.patch*)
    echo '{"findings": [{"code": "patch.does-not-compile", "severity": "error", "why": "No."}]}'
    exit 3 ;;
esac
own=$(echo "$name" | cksum | cut -c1-8)
gcc -c -DXEN_ID=1,2,3,4 -DDEPENDS_ID=1,2,3,4 -DOWN_ID="0x$(echo $own | cut -c1-2),0x$(echo $own |
    cut -c3-4),0x$(echo $own | cut -c5-6),0x$(echo $own | cut -c7-8)" -DEXTRA='""' -DOLD_SIZE=12 \
    SAMPLE -o "$out" && echo '{"contents": [{"role": "replacement"}], "size": 1}'
)sh";

class Stacked : public testing::Test {
protected:
    Stacked() {
        std::string script = fake;
        script.replace(script.find("SAMPLE"), 6, XLP_SOURCE_DIR "/tests/nested/sample.S");
        EXPECT_TRUE(write_file(folder / "xlp-build", script));
        fs::permissions(folder / "xlp-build", fs::perms::owner_all);
        EXPECT_TRUE(write_file(folder / "xen-syms", "symbols"));
        settings.output = folder / "out";
        settings.cache = folder / "cache";
        settings.xlp_build = folder / "xlp-build";
        settings.progress = [](const std::string&) {};
    }

    // `before` is the name of a patch that goes before it.
    void single(const std::string& name, const std::string& before = {}) {
        const fs::path patch = folder / (name + ".patch");
        ASSERT_TRUE(write_file(patch, "the patch of " + name));
        MatrixCase c;
        c.branch = "base";
        c.name = name;
        c.recipe = PatchRecipe{};
        c.recipe->hypervisor.source = folder / "source";
        c.recipe->hypervisor.xen_syms = folder / "xen-syms";
        if (!before.empty()) {
            c.recipe->patches = {folder / (name + "-" + before + ".patch")};
            ASSERT_TRUE(write_file(c.recipe->patches[0], "the patch of " + before));
        }
        c.recipe->patches.push_back(patch);
        c.recipe->words = {"--advisory", "XSA-" + name, "--title", "title of " + name};
        auto row = run_case(c, clone, settings, {});
        ASSERT_TRUE(row);
        rows.push_back(std::move(*row));
    }

    std::vector<std::string> names() const {
        std::vector<std::string> list;
        for (const MatrixRow& r : rows)
            list.push_back(r.about.name + " " + r.verdict);
        return list;
    }
    // What xlp-build was asked for.
    std::string asked(const std::string& name) const {
        return read_text(settings.output / "base" / name / (name + ".livepatch.arguments"))
            .value_or("nothing");
    }
    std::string payload(const std::string& name) const {
        return settings.output / "base" / name / (name + ".livepatch");
    }
    std::string id(const std::string& name) const {
        auto bytes = read_file(payload(name));
        return bytes ? manifest::describe(*bytes, name)->build_id : "none";
    }

    Folder folder;
    MatrixSettings settings;
    Clone clone{"", {}};
    std::vector<MatrixRow> rows;
};

TEST_F(Stacked, AChainPutsEachOnTopOfThoseBefore) {
    for (const char* name : {"1", "2", "3"})
        single(name);
    ASSERT_TRUE(run_stacks(rows, {.chain = true}, clone, settings, {}));
    EXPECT_THAT(names(), ElementsAre("1 payload", "2 payload", "3 payload", "chain-2 payload",
                                     "chain-3 payload"));
    const std::string one = "--below " + payload("1") + "=" + (folder / "1.patch").string();
    const std::string two = "--below " + payload("chain-2") + "=" + (folder / "2.patch").string();
    EXPECT_THAT(asked("2"), Not(HasSubstr("--below")));
    EXPECT_THAT(asked("chain-2"), HasSubstr(one));
    EXPECT_THAT(asked("chain-3"), HasSubstr(one + " " + two));
    EXPECT_THAT(asked("chain-3"), HasSubstr("--advisory XSA-3"));
}

TEST_F(Stacked, WhatCannotBeLivePatchedIsInNoStack) {
    for (const char* name : {"1", "refuse", "3"})
        single(name);
    ASSERT_TRUE(run_stacks(rows, {.chain = true, .cumulative = true}, clone, settings, {}));
    EXPECT_THAT(names(), ElementsAre("1 payload", "refuse refused", "3 payload", "chain-3 payload",
                                     "cumulative payload"));
    EXPECT_THAT(asked("cumulative"), Not(HasSubstr("refuse")));
}

TEST_F(Stacked, TheReasonOfARefusalIsTheFirstThatIsMoreThanBoot) {
    single("grows");
    single("refuse");
    EXPECT_THAT(rows[0].codes, ElementsAre("init.half", "types.layout", "data.new"));
    EXPECT_EQ(rows[0].why, "It grows.");
    EXPECT_EQ(rows[1].why, "No.");
}

// Its text applies, but it uses what other commits of the branch brought.
TEST_F(Stacked, ACommitThatDoesNotCompileDoesNotApply) {
    const Command git{.argv = {"sh", "-ec",
                               "git init -q . && mkdir xen && echo a >xen/a && git add xen && "
                               "git -c user.name=a -c user.email=b commit -qm a"},
                      .directory = fs::path(folder / "clone")};
    fs::create_directories(git.directory);
    ASSERT_TRUE(run_command(git, {})->ok());
    fs::create_directories(folder / "source");
    MatrixCase c;
    c.branch = "base";
    c.name = "commit";
    c.commits = {"HEAD"};
    c.recipe = PatchRecipe{};
    c.recipe->hypervisor.source = folder / "source";
    c.recipe->hypervisor.xen_syms = folder / "xen-syms";
    auto row = run_case(c, Clone(git.directory, {}), settings, {});
    ASSERT_TRUE(row);
    EXPECT_EQ(row->verdict, "does not apply");
    EXPECT_THAT(row->codes, ElementsAre("patch.does-not-compile"));
    EXPECT_TRUE(row->good());
}

TEST_F(Stacked, PatchesThatApplyAloneOnlyAreAFailure) {
    single("1");
    single("conflict");
    ASSERT_TRUE(run_stacks(rows, {.cumulative = true}, clone, settings, {}));
    EXPECT_THAT(names(), ElementsAre("1 payload", "conflict payload", "cumulative conflicts"));
    EXPECT_FALSE(rows.back().good());
}

TEST_F(Stacked, AFixThatIsWhollyBelowIsSaidToBeThere) {
    single("2", "1");
    single("1");
    ASSERT_TRUE(run_stacks(rows, {.chain = true}, clone, settings, {}));
    EXPECT_THAT(names(), ElementsAre("2 payload", "1 payload", "chain-1 fixed"));
    EXPECT_THAT(rows.back().why, HasSubstr("below"));
}

TEST_F(Stacked, WhatTwoFixesNeedIsAppliedOnce) {
    single("1");
    single("2", "1");
    EXPECT_THAT(asked("2"), HasSubstr("2-1.patch"));
    ASSERT_TRUE(run_stacks(rows, {.chain = true, .cumulative = true}, clone, settings, {}));
    for (const char* name : {"chain-2", "cumulative"}) {
        EXPECT_THAT(asked(name), Not(HasSubstr("2-1.patch")));
        EXPECT_THAT(asked(name), HasSubstr("--patch " + (folder / "2.patch").string()));
    }
    EXPECT_THAT(asked("cumulative"), HasSubstr("--patch " + (folder / "1.patch").string()));
}

TEST_F(Stacked, ACumulativePayloadHasAllPatchesAndSupersedesTheOthers) {
    single("1");
    single("2");
    fs::create_directories(folder / "old");
    fs::copy_file(payload("1"), folder / "old/published.livepatch");
    ASSERT_TRUE(run_stacks(rows, {.chain = true, .cumulative = true, .published = {folder / "old"}},
                           clone, settings, {}));
    const std::string words = asked("cumulative");
    EXPECT_THAT(words, HasSubstr("--patch " + (folder / "1.patch").string() + " --patch "
                                 + (folder / "2.patch").string()));
    EXPECT_THAT(words, HasSubstr("--advisory XSA-1 --advisory XSA-2"));
    EXPECT_THAT(words, Not(HasSubstr("--title")));
    for (const char* name : {"1", "2", "chain-2"})
        EXPECT_THAT(words, HasSubstr("--supersedes " + id(name)));
}

TEST_F(Stacked, WhatIsThereIsNotBuiltAgain) {
    single("1");
    single("2");
    const Stacks both{.chain = true, .cumulative = true};
    ASSERT_TRUE(run_stacks(rows, both, clone, settings, {}));
    fs::remove(payload("cumulative") + ".arguments");
    fs::remove(payload("chain-2") + ".arguments");
    rows.erase(rows.begin() + 2, rows.end());
    ASSERT_TRUE(run_stacks(rows, both, clone, settings, {}));
    EXPECT_THAT(names(),
                ElementsAre("1 payload", "2 payload", "chain-2 payload", "cumulative payload"));
    EXPECT_EQ(asked("chain-2"), "nothing");
    EXPECT_EQ(asked("cumulative"), "nothing");
}

} // namespace
} // namespace xlp::build
