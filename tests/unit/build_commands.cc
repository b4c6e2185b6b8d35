// SPDX-License-Identifier: GPL-2.0-only
// Lines as make prints them, from 4.14 and 4.17, shortened.
#include "tools/xlp-build/xenbuild/prepare.h"
#include "tools/xlp-build/xenbuild/recipes.h"

#include <gmock/gmock.h>

namespace xlp::build {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

TEST(VersionLine, is_the_last_of_gcc_and_the_first_of_clang) {
    EXPECT_EQ(version_line("gcc\nUsing built-in specs.\nConfigured with: ../configure "
                           "--with-pkgversion='Debian 12.2.0-14'\nThread model: posix\n"
                           "gcc version 12.2.0 (Debian 12.2.0-14) \n"),
              "gcc version 12.2.0 (Debian 12.2.0-14) ");
    EXPECT_EQ(version_line("clang-14\nDebian clang version 14.0.6\nTarget: x86_64-pc-linux-gnu\n"
                           "Found CUDA installation: /usr/local/cuda, version \n"),
              "Debian clang version 14.0.6");
    EXPECT_EQ(version_line("cc\nwhat it is\n\n"), "what it is");
}

TEST(SplitShell, words_quotes_and_operators) {
    auto c = split_shell(R"(set -e;  echo '  CC x'; gcc -DX="a b" '-D__F__="m.o"' \-c && rm -f x)");
    ASSERT_THAT(c, SizeIs(4));
    EXPECT_THAT(c[0].words, ElementsAre("set", "-e"));
    EXPECT_THAT(c[1].words, ElementsAre("echo", "  CC x"));
    EXPECT_THAT(c[2].words, ElementsAre("gcc", "-DX=a b", "-D__F__=\"m.o\"", "-c"));
    EXPECT_EQ(c[2].end, "&&");
    EXPECT_THAT(c[3].words, ElementsAre("rm", "-f", "x"));
}

TEST(SplitShell, an_open_quote_gives_nothing) {
    EXPECT_THAT(split_shell("echo 'a"), IsEmpty());
}

constexpr const char* from_4_17 =
    "make: Entering directory '/t/xen'\n"
    "set -e;  echo '  CC      arch/x86/mm.o'; gcc -MMD -MP -MF arch/x86/.mm.o.d -O2 -include "
    "./include/xen/config.h '-D__OBJECT_LABEL__=arch/x86/mm.o' -c arch/x86/mm.c -o "
    "arch/x86/.mm.o.tmp -MQ arch/x86/mm.o; tools/fixdep arch/x86/.mm.o.d arch/x86/mm.o 'gcc -c "
    "arch/x86/mm.c -o x' > arch/x86/.mm.o.cmd; rm -f arch/x86/.mm.o.d\n"
    "set -e;  objcopy --redefine-sym mm.c=arch/x86/mm.c arch/x86/.mm.o.tmp arch/x86/mm.o && rm -f "
    "arch/x86/.mm.o.tmp\n"
    "set -e; gcc -DINIT_SECTIONS_ONLY -c common/unlz4.c -o common/unlz4.o\n"
    "set -e; objdump -h common/unlz4.o | while read x; do \\\n case x in \\\n esac; \\\n done || "
    "exit $?; objcopy --rename-section .rodata=.init.rodata common/unlz4.o common/unlz4.init.o\n"
    "gcc -c -x c /dev/null -o crypto/built_in.o\n"
    "gcc -E -P arch/x86/xen.lds.S -o arch/x86/xen.lds\n";

TEST(DryRun, new_layout) {
    Recipes r = parse_dry_run(from_4_17, "/t");
    ASSERT_THAT(r, SizeIs(2));
    const Recipe& mm = r.at("arch/x86/mm.o");
    EXPECT_EQ(mm.source, "arch/x86/mm.c");
    EXPECT_EQ(mm.directory, "xen");
    EXPECT_THAT(mm.compiler, ElementsAre("gcc", "-O2", "-include", "./include/xen/config.h",
                                         "-D__OBJECT_LABEL__=arch/x86/mm.o"));
    EXPECT_THAT(mm.steps,
                ElementsAre(ElementsAre("objcopy", "--redefine-sym", "mm.c=arch/x86/mm.c")));
    const Recipe& lz = r.at("common/unlz4.init.o");
    EXPECT_EQ(lz.source, "common/unlz4.c");
    EXPECT_TRUE(lz.init_only);
    EXPECT_TRUE(lz.renames_sections());
}

constexpr const char* from_4_14 =
    "make: Entering directory '/t/xen'\n"
    "make[3]: Entering directory '/t/xen/arch/x86/mm'\n"
    "gcc -MMD -MF ./.guest_walk_2.o.d -I/t/xen/include -DGUEST_PAGING_LEVELS=2 -c guest_walk.c -o "
    "guest_walk_2.o\n"
    "make[4]: Entering directory '/t/xen/arch/x86/mm/hap'\n"
    "gcc -I/t/xen/include -c hap.c -o ./.hap.o.tmp -MQ hap.o\n"
    "objcopy --redefine-sym hap.c=arch/x86/mm/hap/hap.c ./.hap.o.tmp hap.o\n"
    "make[4]: Leaving directory '/t/xen/arch/x86/mm/hap'\n"
    "gcc -I/t/xen/include -c p2m.c -o p2m.o\n"
    "make[3]: Leaving directory '/t/xen/arch/x86/mm'\n";

TEST(DryRun, old_layout_changes_directories) {
    Recipes r = parse_dry_run(from_4_14, "/t");
    ASSERT_THAT(r, SizeIs(3));
    const Recipe& walk = r.at("arch/x86/mm/guest_walk_2.o");
    EXPECT_EQ(walk.source, "arch/x86/mm/guest_walk.c");
    EXPECT_EQ(walk.argument, "guest_walk.c");
    EXPECT_EQ(walk.directory, "xen/arch/x86/mm");
    EXPECT_THAT(walk.compiler,
                ElementsAre("gcc", "-I@TREE@/xen/include", "-DGUEST_PAGING_LEVELS=2"));
    EXPECT_THAT(r.at("arch/x86/mm/hap/hap.o").steps, SizeIs(1));
    EXPECT_EQ(r.at("arch/x86/mm/p2m.o").directory, "xen/arch/x86/mm");
}

TEST(DryRun, renaming_after_a_partial_link_goes_to_each_part) {
    Recipes r = parse_dry_run("gcc -c a.c -o a.o\ngcc -c b.c -o b.o\n"
                              "ld -m elf_x86_64 -r -o temp.o a.o b.o\n"
                              "objcopy --rename-section .text=.init.text temp.o lib.o\n",
                              "/t");
    ASSERT_THAT(r, SizeIs(2));
    EXPECT_THAT(r.at("a.o").steps, SizeIs(1));
    EXPECT_THAT(r.at("b.o").steps, SizeIs(1));
}

TEST(DryRun, links) {
    EXPECT_THAT(links_of("ln -nfs ../../../source/common/efi/boot.c arch/x86/efi/boot.c\nfoo\n"),
                ElementsAre(ElementsAre("ln", "-nfs", "../../../source/common/efi/boot.c",
                                        "arch/x86/efi/boot.c")));
}

} // namespace
} // namespace xlp::build
