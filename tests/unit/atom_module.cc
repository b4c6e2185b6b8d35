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
