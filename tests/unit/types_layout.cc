// SPDX-License-Identifier: GPL-2.0-only
// Structures and unions: what counts as a change, and of which kind.
#include "types_compile.h"

#include <gtest/gtest.h>

namespace xlp::types::test {

namespace {
using What = MemberChange::What;

// A structure with these members, of which one object lives in memory.
std::string with_members(const std::string& members, const std::string& before = "") {
    return before + "\nstruct s {\n" + members
           + "\n};\nstruct s object;\nvoid *use(struct s *p) { return p; }\n";
}

TypeChanges members(const std::string& before, const std::string& after,
                    const std::string& prelude = "") {
    return compare(with_members(before, prelude), with_members(after, prelude));
}
} // namespace

TEST(TypesLayout, EqualStructuresAreNoChange) {
    const std::string source = with_members("int a; struct s *next; unsigned b : 3; union { long "
                                            "l; char c[8]; } u; int (*f)(struct s *);");
    EXPECT_TRUE(compare(source, source).empty());
    // lines, names of parameters and qualifiers do not count
    EXPECT_TRUE(members("int a; const char *p;", "\n\nint a;\n\nchar *volatile p;").empty());
    EXPECT_TRUE(members("unsigned long a; u8 b;", "unsigned long long a; unsigned char b;",
                        "typedef unsigned char u8;")
                    .empty());
}

TEST(TypesLayout, AppendedMemberGrows) {
    const TypeChanges c = members("int a;\nlong b;", "int a;\nlong b;\nlong added;");
    ASSERT_EQ(c.structs.size(), 1U);
    const StructChange& s = c.structs[0];
    EXPECT_EQ(s.name, "struct s");
    EXPECT_EQ(s.layout.effect, Effect::layout);
    EXPECT_EQ(s.layout.old_size, 16U);
    EXPECT_EQ(s.layout.new_size, 24U);
    ASSERT_EQ(s.layout.members.size(), 1U);
    const MemberChange& m = s.layout.members[0];
    EXPECT_EQ(m.what, What::added);
    EXPECT_EQ(m.path, "added");
    EXPECT_EQ(m.new_bit_offset, 128U);
    EXPECT_EQ(m.new_bit_size, 64U);
    EXPECT_EQ(m.new_type, "long int");
    EXPECT_EQ(m.source, "unit.c");
    EXPECT_EQ(m.line, 5U);
    ASSERT_EQ(c.variables.size(), 1U);
    EXPECT_EQ(c.variables[0].because_of, "struct s");
}

TEST(TypesLayout, InsertedMemberMovesOthers) {
    const TypeChanges c = members("long a; long b; long c;", "long a; long new; long b; long c;");
    ASSERT_EQ(c.structs.size(), 1U);
    EXPECT_EQ(c.structs[0].layout.effect, Effect::layout);
    const MemberChange* b = find_member(c.structs[0], "b");
    ASSERT_TRUE(b);
    EXPECT_EQ(b->what, What::moved);
    EXPECT_EQ(b->old_bit_offset, 64U);
    EXPECT_EQ(b->new_bit_offset, 128U);
    EXPECT_FALSE(find_member(c.structs[0], "a"));
}

TEST(TypesLayout, SwappedMembersAreALayoutChange) {
    const TypeChanges c = members("int a; int b;", "int b; int a;");
    ASSERT_EQ(c.structs.size(), 1U);
    EXPECT_EQ(c.structs[0].layout.effect, Effect::layout);
    EXPECT_EQ(c.structs[0].layout.members.size(), 2U);
}

TEST(TypesLayout, MemberInAHoleIsPadding) {
    for (const char* after : {"char a; char flag; long b;", "char a; int flag; long b;"}) {
        const TypeChanges c = members("char a; long b;", after);
        ASSERT_EQ(c.structs.size(), 1U);
        EXPECT_EQ(c.structs[0].layout.effect, Effect::padding) << after;
        ASSERT_EQ(c.structs[0].layout.members.size(), 1U);
        EXPECT_EQ(c.structs[0].layout.members[0].path, "flag");
    }
    // at the end
    EXPECT_EQ(members("long b; char a;", "long b; char a; short c;").structs.at(0).layout.effect,
              Effect::padding);
}

TEST(TypesLayout, MemberInPlaceOfPaddingIsPadding) {
    const TypeChanges c =
        members("char a; char _pad[7]; long b;", "char a; char flag; char _pad[6]; long b;");
    ASSERT_EQ(c.structs.size(), 1U);
    EXPECT_EQ(c.structs[0].layout.effect, Effect::padding);
}

TEST(TypesLayout, MemberInPlaceOfAnotherIsALayoutChange) {
    const TypeChanges c = members("int count; int b;", "short flags; short count; int b;");
    ASSERT_EQ(c.structs.size(), 1U);
    EXPECT_EQ(c.structs[0].layout.effect, Effect::layout);
    EXPECT_EQ(members("int a; int b;", "short x; int b;").structs.at(0).layout.effect,
              Effect::layout);
}

TEST(TypesLayout, RenamedMember) {
    const TypeChanges c = members("int a; int b;", "int a; int other;");
    ASSERT_EQ(c.structs.size(), 1U);
    EXPECT_EQ(c.structs[0].layout.effect, Effect::renamed);
    ASSERT_EQ(c.structs[0].layout.members.size(), 1U);
    EXPECT_EQ(c.structs[0].layout.members[0].old_path, "b");
    EXPECT_EQ(c.structs[0].layout.members[0].path, "other");
}

TEST(TypesLayout, RetypedMember) {
    const std::string prelude = "struct x; struct y;";
    EXPECT_EQ(members("int a;", "unsigned a;").structs.at(0).layout.effect, Effect::retyped);
    const TypeChanges c = members("struct x *p;", "struct y *p;", prelude);
    ASSERT_EQ(c.structs.size(), 1U);
    EXPECT_EQ(c.structs[0].layout.effect, Effect::retyped);
    EXPECT_EQ(c.structs[0].layout.members[0].old_type, "struct x *");
    EXPECT_EQ(c.structs[0].layout.members[0].new_type, "struct y *");
    const TypeChanges f = members("int (*f)(int);", "int (*f)(int, long);");
    ASSERT_EQ(f.structs.size(), 1U);
    EXPECT_EQ(f.structs[0].layout.members[0].new_type, "int (*)(int, long int)");
}

TEST(TypesLayout, BitFields) {
    EXPECT_EQ(members("unsigned a : 3, b : 5;", "unsigned a : 3, b : 5, c : 1;")
                  .structs.at(0)
                  .layout.effect,
              Effect::padding);
    const TypeChanges c = members("unsigned a : 3, b : 5;", "unsigned a : 4, b : 5;");
    ASSERT_EQ(c.structs.size(), 1U);
    EXPECT_EQ(c.structs[0].layout.effect, Effect::layout);
    const MemberChange* b = find_member(c.structs[0], "b");
    ASSERT_TRUE(b);
    EXPECT_EQ(b->old_bit_offset, 3U);
    EXPECT_EQ(b->new_bit_offset, 4U);
    // as DWARF before version 4 has them
    const TypeChanges old =
        compare(with_members("unsigned a : 3, b : 5;"), with_members("unsigned a : 4, b : 5;"),
                "-O2 -g -gdwarf-3 -gstrict-dwarf");
    ASSERT_EQ(old.structs.size(), 1U);
    ASSERT_TRUE(find_member(old.structs[0], "b"));
    EXPECT_EQ(find_member(old.structs[0], "b")->new_bit_offset, 4U);
}

TEST(TypesLayout, NamelessPartsArePathsInTheirParent) {
    const TypeChanges c =
        members("int x; struct { long a; struct { int b; } in; } u; union { int c; };",
                "int x; struct { long a; struct { int b; int d; } in; } u; union { int c; };");
    ASSERT_EQ(c.structs.size(), 1U);
    EXPECT_EQ(c.structs[0].layout.effect, Effect::padding) << "d is where the structure's tail was";
    EXPECT_TRUE(find_member(c.structs[0], "u.in.d"));
}

TEST(TypesLayout, MembersOfAUnionShareTheirPlace) {
    const TypeChanges c =
        members("union { int a; long b; } u;", "union { int a; long b; short c; } u;");
    ASSERT_EQ(c.structs.size(), 1U);
    EXPECT_EQ(c.structs[0].layout.effect, Effect::padding);
    EXPECT_EQ(
        members("union { int a; } u;", "union { int a; long b; } u;").structs.at(0).layout.effect,
        Effect::layout);
    // a member put into a nameless union is where it was, and the other sees its bytes
    EXPECT_EQ(
        members("long a; long b;", "long a; union { long b; int c; };").structs.at(0).layout.effect,
        Effect::padding);
    EXPECT_EQ(members("long a; long b;", "long a; union { char *c; int d; };")
                  .structs.at(0)
                  .layout.effect,
              Effect::layout)
        << "they take the bytes of b";
}

TEST(TypesLayout, WhoContainsAGrownStructureFollowsIt) {
    const std::string rest = "struct mid { int x; struct in in; int y; };\n"
                             "struct out { struct mid m[2]; long z; } object;\n"
                             "void *use(struct out *o) { return &o->z; }\n";
    const TypeChanges c =
        compare("struct in { long a; };\n" + rest, "struct in { long a, b; };\n" + rest);
    ASSERT_EQ(c.structs.size(), 3U);
    EXPECT_TRUE(find_struct(c, "struct in")->layout.because_of.empty());
    EXPECT_EQ(find_struct(c, "struct mid")->layout.because_of,
              std::vector<std::string>{"struct in"});
    EXPECT_EQ(find_struct(c, "struct out")->layout.because_of,
              std::vector<std::string>{"struct mid"});
    EXPECT_EQ(find_struct(c, "struct out")->layout.effect, Effect::layout);
}

TEST(TypesLayout, NamelessStructuresGoByTheirAlias) {
    const TypeChanges c =
        compare("typedef struct { int a; } t; t object; t *f(t *p) { return p; }",
                "typedef struct { long a; } t; t object; t *f(t *p) { return p; }");
    ASSERT_EQ(c.structs.size(), 1U);
    EXPECT_EQ(c.structs[0].name, "t");
    EXPECT_EQ(c.structs[0].layout.members.at(0).what, What::resized);
}

TEST(TypesLayout, DeclaredOnlyMatchesDefined) {
    const std::string user = "struct s { struct other *o; int n; } object;\n"
                             "void *use(struct s *p) { return p->o; }\n";
    EXPECT_TRUE(compare("struct other;\n" + user,
                        "struct other { int now_known; };\n" + user + "struct other second;\n")
                    .empty());
}

TEST(TypesLayout, CyclesEnd) {
    const std::string a =
        "struct b; struct a { struct b *b; struct a *a; void (*f)(struct b *); };\n"
        "struct b { struct a a; struct b *next[3]; ";
    const std::string z = "} object; void *use(struct b *p) { return p->next[0]; }\n";
    EXPECT_TRUE(compare(a + z, a + z).empty());
    const TypeChanges c = compare(a + z, a + "int more;" + z);
    ASSERT_EQ(c.structs.size(), 1U);
    EXPECT_EQ(c.structs[0].name, "struct b");
}

TEST(TypesLayout, TypesInsideFunctionsAreTheirOwn) {
    auto source = [](const char* f, const char* g) {
        return std::string("void sink(void *);\n"
                           "void f(void) { struct l { ")
               + f + " } x = {0}; sink(&x); }\nvoid g(void) { struct l { " + g
               + " } x = {0}; sink(&x); }\n";
    };
    EXPECT_TRUE(compare(source("int a;", "long b;"), source("int a;", "long b;")).empty());
    const TypeChanges c = compare(source("int a;", "long b;"), source("int a;", "long b, c;"));
    ASSERT_EQ(c.structs.size(), 1U);
    EXPECT_EQ(c.structs[0].scope, "g");
}

TEST(TypesLayout, OtherWaysToWriteDebugInformation) {
    const std::string before = with_members("int a; unsigned b : 2;");
    const std::string after = with_members("int a; unsigned b : 2; long c;");
    for (const char* flags :
         {"-O0 -g -gdwarf-4", "-O2 -g -gz", "-O2 -g3", "-O2 -g -mcmodel=kernel -fno-pie"})
        EXPECT_EQ(compare(before, after, flags).structs.size(), 1U) << flags;
    EXPECT_EQ(compare(before, after, "-O2 -g", "clang").structs.size(), 1U);
    for (const char* flags : {"-g -gdwarf-4 -fdebug-types-section", "-g -fdebug-types-section"}) {
        auto changes = compare_types(compile(before, flags), compile(after, flags));
        ASSERT_FALSE(changes) << flags;
        EXPECT_EQ(changes.error()[0].code, "types.corrupt");
    }
}

} // namespace xlp::types::test
