// SPDX-License-Identifier: GPL-2.0-only
// Enumerations, functions and variables, and objects that tell nothing.
#include "types_compile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace xlp::types::test {

namespace {
using testing::ElementsAre;

TypeChanges enums(const std::string& before, const std::string& after) {
    auto source = [](const std::string& list) {
        return "enum e {" + list + "};\nenum e object;\nint use(enum e v) { return v; }\n";
    };
    return compare(source(before), source(after));
}
} // namespace

TEST(TypesEnum, AddedAtTheEndIsCompatible) {
    const TypeChanges c = enums("A, B", "A, B, C");
    ASSERT_EQ(c.enums.size(), 1U);
    EXPECT_TRUE(c.enums[0].compatible());
    EXPECT_THAT(c.enums[0].added, ElementsAre("C"));
    EXPECT_EQ(c.enums[0].name, "enum e");
    EXPECT_TRUE(enums("A, B", "A, B").empty());
}

TEST(TypesEnum, ChangedValues) {
    const TypeChanges c = enums("C = -5, A = 0, B", "C = -5, A = 0, X, B");
    ASSERT_EQ(c.enums.size(), 1U);
    EXPECT_FALSE(c.enums[0].compatible());
    ASSERT_EQ(c.enums[0].changed.size(), 1U);
    EXPECT_EQ(c.enums[0].changed[0].name, "B");
    EXPECT_EQ(c.enums[0].changed[0].old_value, 1);
    EXPECT_EQ(c.enums[0].changed[0].new_value, 2);
    EXPECT_FALSE(c.enums[0].only_count) << "its name says nothing of a count";
}

TEST(TypesEnum, LargeAndNegativeValuesAreReadAsTheyAre) {
    EXPECT_TRUE(enums("A = 200, B = 0x80000000u, D = 40000", "A = 200, B = 0x80000000u, D = 40000")
                    .empty());
    const TypeChanges c = enums("A = -128, B = 5", "A = 128, B = 5");
    ASSERT_EQ(c.enums.size(), 1U);
    EXPECT_EQ(c.enums[0].changed.at(0).old_value, -128);
    EXPECT_EQ(c.enums[0].changed.at(0).new_value, 128);
}

TEST(TypesEnum, CountAndRemoved) {
    EXPECT_TRUE(enums("A, B, COUNT", "A, B, C, COUNT").enums.at(0).only_count);
    EXPECT_TRUE(enums("A, B, e_max", "A, B, C, D, e_max").enums.at(0).only_count);
    EXPECT_FALSE(enums("A, B, NR_e", "A, C, B, NR_e").enums.at(0).only_count) << "B changed too";
    EXPECT_THAT(enums("A, B, C", "A, C = 2").enums.at(0).removed, ElementsAre("B"));
}

TEST(TypesEnum, NamelessOnesGoByTheirFirst) {
    auto source = [](const char* list) {
        return std::string("enum {") + list + "};\nint use(int v) { return v == A ? B : 7; }\n";
    };
    const TypeChanges c = compare(source("A, B"), source("A, N, B"));
    ASSERT_EQ(c.enums.size(), 1U);
    EXPECT_EQ(c.enums[0].name, "enum with A");
}

TEST(TypesFunction, SignatureChanges) {
    auto source = [](const char* f) { return std::string("struct s; struct t;\n") + f; };
    const char* before = "int f(struct s *p, int n) { return n + (p != 0); }";
    EXPECT_TRUE(compare(source(before), source("int f(const struct s *q, int m) { return m; }"))
                    .functions.empty());
    const TypeChanges count =
        compare(source(before), source("int f(struct s *p, int n, long m) { return n + m; }"));
    ASSERT_EQ(count.functions.size(), 1U);
    EXPECT_EQ(count.functions[0].name, "f");
    EXPECT_THAT(count.functions[0].symbols, ElementsAre("f"));
    EXPECT_TRUE(count.functions[0].external);
    EXPECT_EQ(count.functions[0].old_prototype, "int (struct s *, int)");
    EXPECT_EQ(count.functions[0].new_prototype, "int (struct s *, int, long int)");
    EXPECT_EQ(count.functions[0].what, "it had 2 parameters, now 3");
    EXPECT_EQ(count.functions[0].source.line, 2U);
    for (const char* after :
         {"long f(struct s *p, int n) { return n; }", "int f(struct t *p, int n) { return n; }",
          "int f(struct s *p, unsigned n) { return n; }",
          "int f(struct s *p, int n, ...) { return n; }", "int f(struct s *p) { return p != 0; }"})
        EXPECT_EQ(compare(source(before), source(after)).functions.size(), 1U) << after;
}

TEST(TypesFunction, CopiesOfOneFunctionAreOneChange) {
    auto source = [](const char* parameters, const char* arguments) {
        return std::string("void sink(int);\nstatic __attribute__((noinline)) int f(") + parameters
               + ") { for (int i = 0; i < n; ++i) sink(i); return n; }\n"
                 "int g(void) { return f("
               + arguments + "); }\nint h(void) { return f(" + arguments + ") + 1; }\n";
    };
    const TypeChanges c = compare(source("int n", "7"), source("int n, int unused", "7, 8"));
    ASSERT_EQ(c.functions.size(), 1U);
    EXPECT_EQ(c.functions[0].name, "f");
    EXPECT_FALSE(c.functions[0].external);
    ASSERT_EQ(c.functions[0].symbols.size(), 1U);
    EXPECT_THAT(c.functions[0].symbols[0], testing::StartsWith("f"));
}

TEST(TypesVariable, TypeAndSize) {
    const TypeChanges c = compare("int a[4]; long b; unsigned per_cpu__x; int same;",
                                  "int a[5]; int b; int per_cpu__x; int same;");
    ASSERT_EQ(c.variables.size(), 3U);
    EXPECT_EQ(c.variables[0].name, "a");
    EXPECT_EQ(c.variables[0].old_size, 16U);
    EXPECT_EQ(c.variables[0].new_size, 20U);
    EXPECT_EQ(c.variables[0].new_type, "int [5]");
    EXPECT_EQ(c.variables[1].name, "b");
    EXPECT_FALSE(c.variables[1].per_cpu);
    EXPECT_EQ(c.variables[2].name, "per_cpu__x");
    EXPECT_TRUE(c.variables[2].per_cpu);
}

TEST(TypesVariable, StructureOfOneMemberIsThatMember) {
    EXPECT_THAT(compare("long a;", "struct s { long n; } a;").variables, testing::IsEmpty());
    EXPECT_EQ(compare("long a;", "struct s { int n, m; } a;").variables.size(), 1U);
}

TEST(TypesVariable, Constant) {
    const TypeChanges c = compare("const int a[4] = {1}; int *const b[2] = {0}; const int *d[2];",
                                  "const int a[5] = {1}; int *const b[3] = {0}; const int *d[3];");
    ASSERT_EQ(c.variables.size(), 3U);
    EXPECT_TRUE(c.variables[0].constant);
    EXPECT_TRUE(c.variables[1].constant);
    EXPECT_FALSE(c.variables[2].constant);
}

TEST(TypesVariable, StaticLocals) {
    auto source = [](const char* type_in_f, const char* type_in_inline) {
        return std::string("static inline int count(void) { static ") + type_in_inline
               + " n; return ++n; }\nint f(void) { static " + type_in_f
               + " n; return count() + ++n; }\nint g(void) { return count(); }\n";
    };
    EXPECT_TRUE(compare(source("int", "int"), source("int", "int")).empty());
    const TypeChanges f = compare(source("int", "int"), source("long", "int"));
    ASSERT_EQ(f.variables.size(), 1U);
    EXPECT_EQ(f.variables[0].function, "f");
    EXPECT_THAT(f.variables[0].old_symbol, testing::StartsWith("n."));
    const TypeChanges in = compare(source("int", "int"), source("int", "long"));
    ASSERT_EQ(in.variables.size(), 1U);
    EXPECT_EQ(in.variables[0].function, "count");
}

TEST(TypesVariable, DefinedAfterADeclaration) {
    const TypeChanges c = compare("extern int v; int f(void) { return v; } int v = 1;",
                                  "extern long v; int f(void) { return v; } long v = 1;");
    ASSERT_EQ(c.variables.size(), 1U);
    EXPECT_EQ(c.variables[0].name, "v");
}

TEST(TypesVariable, NamelessStructureTellsWhatDiffers) {
    const TypeChanges c = compare("static struct { int a; } v; void *f(void) { return &v; }",
                                  "static struct { int a, b; } v; void *f(void) { return &v; }");
    ASSERT_EQ(c.variables.size(), 1U);
    ASSERT_EQ(c.variables[0].members.size(), 1U);
    EXPECT_EQ(c.variables[0].members[0].path, "b");
}

TEST(TypesCompare, WithoutDebugInformation) {
    const elf::Object plain = compile("int x;", "-O2"), full = compile("int x;");
    for (auto changes :
         {compare_types(plain, plain), compare_types(full, plain), compare_types(plain, full)}) {
        ASSERT_TRUE(changes);
        EXPECT_FALSE(changes->known);
        EXPECT_TRUE(changes->empty());
        ASSERT_EQ(changes->notes.size(), 1U);
        EXPECT_EQ(changes->notes[0].code, "types.absent");
        EXPECT_EQ(changes->notes[0].severity, Severity::note);
    }
}

TEST(TypesCompare, MergeJoinsWhatUnitsHaveInCommon) {
    auto unit = [](const char* members, const char* function) {
        return std::string("struct s {") + members + "};\nextern struct s *head;\nlong " + function
               + "(struct s *p) { return p->a + head->a; }\n";
    };
    TypeChanges all = compare(unit("long a;", "f"), unit("long a, b;", "f"));
    merge(all, compare(unit("long a;", "g"), unit("long a, b;", "g")));
    ASSERT_EQ(all.structs.size(), 1U);
    EXPECT_THAT(all.structs[0].usage.users,
                ElementsAre(testing::Pair("f", Use{0}), testing::Pair("g", Use{0})));
}

} // namespace xlp::types::test
