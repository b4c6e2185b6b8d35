// SPDX-License-Identifier: GPL-2.0-only
#include "payload/types/lines.h"
#include "types_compile.h"

#include <gtest/gtest.h>

namespace xlp::types::test {

namespace {
const char* const lines_source = "void sink(int);\n"
                                 "static inline void inner(int n)\n"
                                 "{\n"
                                 "    sink(n);\n"
                                 "}\n"
                                 "static inline void middle(int n)\n"
                                 "{\n"
                                 "    inner(n + 1);\n"
                                 "    inner(n + 2);\n"
                                 "}\n"
                                 "void outer(int n)\n"
                                 "{\n"
                                 "    middle(n);\n"
                                 "    sink(9);\n"
                                 "}\n"
                                 "void second(int n)\n"
                                 "{\n"
                                 "    sink(n + 7);\n"
                                 "}\n";

// Offsets of the calls in a function's section, by its relocations.
std::vector<std::uint64_t> calls(const elf::Object& object, const elf::Section& section) {
    std::vector<std::uint64_t> offsets;
    for (const elf::Relocation& r : section.relocations)
        if (object.symbols()[r.symbol].name == "sink")
            offsets.push_back(r.offset - 1);
    return offsets;
}
} // namespace

TEST(TypesLines, LinesAndInlinedFrames) {
    for (const char* compiler : {"gcc", "clang"}) {
        const elf::Object object = compile(lines_source, default_flags, compiler);
        auto lines = Lines::from(object);
        ASSERT_TRUE(lines);
        const elf::Section* outer = object.section(".text.outer");
        const elf::Section* second = object.section(".text.second");
        ASSERT_TRUE(outer && second);
        const auto in_outer = calls(object, *outer);
        ASSERT_GE(in_outer.size(), 2U);
        auto line = lines->at(outer->index, in_outer[0]);
        ASSERT_TRUE(line);
        EXPECT_EQ(line->file, "unit.c");
        EXPECT_EQ(line->line, 4U);
        const auto frames = lines->frames(outer->index, in_outer[1]);
        ASSERT_EQ(frames.size(), 3U) << compiler;
        EXPECT_EQ(frames[0].function, "inner");
        EXPECT_EQ(frames[0].line.line, 4U);
        EXPECT_EQ(frames[1].function, "middle");
        EXPECT_EQ(frames[1].line.line, 9U);
        EXPECT_EQ(frames[2].function, "outer");
        EXPECT_EQ(frames[2].line.line, 13U);
        EXPECT_EQ(frames[2].line.file, "unit.c");
        // another section with the same offsets
        ASSERT_TRUE(lines->at(second->index, 0));
        EXPECT_EQ(lines->at(second->index, 0)->line, 18U);
        ASSERT_EQ(lines->frames(second->index, 0).size(), 1U);
        EXPECT_FALSE(lines->at(second->index, second->size));
        EXPECT_FALSE(lines->at(0, 0));
        ASSERT_TRUE(lines->decl_line("outer"));
        EXPECT_EQ(lines->decl_line("outer")->line, 11U);
        EXPECT_EQ(lines->decl_line("inner")->line, 2U);
        EXPECT_FALSE(lines->decl_line("nobody"));
    }
}

TEST(TypesLines, WithoutDebugInformation) {
    auto lines = Lines::from(compile(lines_source, "-O2"));
    ASSERT_TRUE(lines);
    EXPECT_TRUE(lines->empty());
    EXPECT_FALSE(lines->at(1, 0));
    EXPECT_TRUE(lines->frames(1, 0).empty());
    EXPECT_FALSE(lines->decl_line("outer"));
}

TEST(TypesLines, SourceNames) {
    EXPECT_EQ(source_name("/b/xen/include/xen/sched.h", "/b/xen"), "xen/include/xen/sched.h");
    EXPECT_EQ(source_name("/b/xen/include/public/hvm/../xen.h", "/b/xen"),
              "xen/include/public/xen.h");
    EXPECT_EQ(source_name("include/xen/sched.h", "/b/xen"), "xen/include/xen/sched.h");
    EXPECT_EQ(source_name("./xen/common/domain.c", "./xen"), "xen/common/domain.c");
    EXPECT_EQ(source_name("./common/domain.c", "./xen"), "xen/common/domain.c");
    EXPECT_EQ(source_name("common/domain.c", "work/xen"), "xen/common/domain.c");
    EXPECT_EQ(source_name("./include/../unit.c", "."), "unit.c");
    EXPECT_EQ(source_name("unit.c", ""), "unit.c");
    EXPECT_EQ(source_name("/b/tree/unit.c", "/b/tree"), "unit.c");
    EXPECT_EQ(source_name("/usr/include/stddef.h", "/b/xen"), "/usr/include/stddef.h");
}

} // namespace xlp::types::test
