// SPDX-License-Identifier: GPL-2.0-only
#include "payload/atom/module.h"
#include "payload/base/file.h"
#include "tests/unit/folder.h"

#include <algorithm>
#include <cstdlib>
#include <gmock/gmock.h>

namespace xlp::atom {
namespace {

Result<Module> module_of(const std::string& source) {
    Folder folder;
    EXPECT_TRUE(write_file(folder / "unit.c", source));
    const std::string command = "gcc -O2 -fno-pic -mcmodel=kernel -fno-asynchronous-unwind-tables "
                                "-ffunction-sections -fdata-sections -c "
                                + (folder / "unit.c").string() + " -o "
                                + (folder / "unit.o").string();
    EXPECT_EQ(std::system(command.c_str()), 0);
    auto object = elf::Object::read(folder / "unit.o");
    EXPECT_TRUE(object);
    return Module::from(std::move(*object), {4, 17, 0});
}

TEST(Module, functions_data_and_strings_are_atoms) {
    auto m = module_of("extern void say(const char *);\n"
                       "static int count;\n"
                       "void bump(void) { count++; say(\"bumped\"); }\n");
    ASSERT_TRUE(m);
    const Atom* bump = m->find("bump");
    const Atom* count = m->find("count");
    ASSERT_TRUE(bump && count);
    EXPECT_TRUE(bump->is_function());
    EXPECT_TRUE(bump->global);
    EXPECT_FALSE(count->is_function());
    EXPECT_TRUE(count->zero);
    EXPECT_EQ(count->size, 4U);
    const auto strings = std::count_if(m->atoms().begin(), m->atoms().end(), [](const Atom& a) {
        return a.section_class == xen::SectionClass::string;
    });
    EXPECT_EQ(strings, 1);
}

// The assembler resolves branches to hidden and static functions of the same section.
TEST(Module, branches_without_a_relocation_are_references) {
    auto m = module_of("#define __init __attribute__((__section__(\".init.text\"), __noinline__))\n"
                       "#pragma GCC visibility push(hidden)\n"
                       "extern int outside(int);\n"
                       "__init int first(int x) { return outside(x) + outside(x + 1); }\n"
                       "__init int second(int x) { return first(x) ? first(x + 2) + 1 : 0; }\n"
                       "__init int third(int x) { return x > 3 ? second(x - 1) : 7; }\n");
    ASSERT_TRUE(m);
    const auto branches = [&](std::string_view from, std::string_view to) {
        const auto& all = m->find(from)->references;
        return std::count_if(all.begin(), all.end(), [&](const Reference& r) {
            return r.atom == m->find(to)->id && r.branch && r.delta == 0
                   && r.bias == -static_cast<int>(r.width());
        });
    };
    EXPECT_EQ(branches("second", "first"), 2);
    EXPECT_GE(branches("third", "second"), 1);
    EXPECT_EQ(branches("second", "second"), 0); // its own jumps stay as they are
    for (const char* f : {"first", "second", "third"}) {
        const auto& all = m->find(f)->references;
        EXPECT_TRUE(std::is_sorted(all.begin(), all.end(), [](const auto& a, const auto& b) {
            return a.offset < b.offset;
        }));
    }
}

// The next one begins there.
TEST(Module, a_replacement_that_jumps_to_its_end_refers_to_nothing) {
    auto m = module_of("int f(int x) {\n"
                       "  asm volatile (\"1: nop\\n nop\\n nop\\n nop\\n2:\\n\"\n"
                       "    \".pushsection .altinstructions,\\\"a\\\"\\n\"\n"
                       "    \".long 1b - .\\n.long 3f - .\\n.word 1\\n.byte 4, 4, 0, 0\\n\"\n"
                       "    \".long 1b - .\\n.long 4f - .\\n.word 2\\n.byte 4, 3, 0, 0\\n\"\n"
                       "    \".popsection\\n.pushsection .altinstr_replacement,\\\"ax\\\"\\n\"\n"
                       "    \"3: je 4f\\n nop\\n nop\\n4: mov %eax, %eax\\n nop\\n.popsection\");\n"
                       "  return x; }\n");
    ASSERT_TRUE(m);
    std::size_t replacements = 0;
    for (const Atom& a : m->atoms())
        if (a.section_class == xen::SectionClass::replacement) {
            ++replacements;
            EXPECT_TRUE(a.references.empty());
        }
    EXPECT_EQ(replacements, 2U);
}

TEST(Module, references_name_what_they_mean) {
    auto m = module_of("extern int outside(int);\n"
                       "int table[8] = {1};\n"
                       "int third(void) { return table[2] + outside(1); }\n");
    ASSERT_TRUE(m);
    const Atom& third = *m->find("third");
    bool to_table = false, to_outside = false;
    for (const Reference& r : third.references) {
        if (r.atom == m->find("table")->id)
            to_table = r.delta == 8;
        if (r.external == "outside")
            to_outside = r.branch;
    }
    EXPECT_TRUE(to_table);
    EXPECT_TRUE(to_outside);
}

TEST(Module, an_alias_is_a_second_name_of_its_atom) {
    auto m = module_of("int one(void) { return 1; }\n"
                       "extern int other(void) __attribute__((alias(\"one\")));\n");
    ASSERT_TRUE(m);
    ASSERT_TRUE(m->find("other"));
    EXPECT_EQ(m->find("other"), m->find("one"));
}

TEST(Names, numbers_that_a_compiler_gives_do_not_count) {
    EXPECT_EQ(stem("foo.constprop.0"), "foo.constprop");
    EXPECT_EQ(stem("cnt.12"), "cnt");
    EXPECT_EQ(stem("foo.cold"), "foo.cold");
    EXPECT_EQ(cold_parent("foo.cold.3"), "foo");
    EXPECT_FALSE(cold_parent("foo"));
}

} // namespace
} // namespace xlp::atom
