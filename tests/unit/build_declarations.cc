// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-build/units/compare.h"
#include "tools/xlp-build/units/declarations.h"
#include "tools/xlp-build/units/macros.h"

#include <gmock/gmock.h>

namespace xlp::build {
namespace {

using testing::ElementsAre;
using testing::SizeIs;
using testing::UnorderedElementsAre;

// Names are views into the text: literals live long enough.
Declaration only(const char* text) {
    auto unit = split_declarations(text);
    EXPECT_THAT(unit.declarations, SizeIs(1)) << text;
    return unit.declarations.empty() ? Declaration{} : unit.declarations.front();
}

TEST(Declarations, what_makes_code_or_data) {
    for (const char* root :
         {"int f(void) { return 1; }", "static int f(void) { return 1; }", "int v;",
          "static const int a[2] = { 1, 2 };", "int (*hook)(int);", "struct s { int a; } v;",
          "asm ( \".text\" );", "#pragma pack(4)", "extern int v = 1;",
          "extern void f(void) __attribute__((alias(\"g\")));",
          "__attribute__((section(\".data\"))) typeof(int) per_cpu__x;"})
        EXPECT_TRUE(only(root).root) << root;
    for (const char* quiet :
         {"static inline int f(void) { return 1; }", "int f(int a, int (*b)(int));",
          "extern int v;", "typedef struct s { int a; } s_t;", "struct s;",
          "struct __attribute__((packed)) s { int a; };",
          "static inline __attribute__((always_inline)) struct s *f(void) { for (;;) ; }", ";",
          "extern __attribute__((section(\".data\"))) typeof(int) per_cpu__x;",
          "void __attribute__((noreturn)) f(const char *fmt, ...) "
          "__attribute__((format(printf, 1, 2)));"})
        EXPECT_FALSE(only(quiet).root) << quiet;
}

TEST(Declarations, names) {
    EXPECT_THAT(only("int f(struct s *p);").declares, ElementsAre("f"));
    EXPECT_THAT(only("extern int a, b[2];").declares, ElementsAre("a", "b"));
    EXPECT_THAT(only("typedef int (*fn_t)(int a);").declares, ElementsAre("fn_t"));
    EXPECT_THAT(only("typedef struct s { int a; } s_t;").declares,
                UnorderedElementsAre("s", "s_t"));
    EXPECT_THAT(only("struct s { struct t { int a; } b; };").declares,
                UnorderedElementsAre("s", "t"));
    EXPECT_THAT(only("static inline struct s *f(int a) { int x = g(a); return x; }").declares,
                ElementsAre("f"));
}

TEST(Declarations, split_at_file_scope_only) {
    EXPECT_THAT(split_declarations("struct s { int a; }; int f(void) { g(); h(); } int v = { 1 };\n"
                                   "#pragma pack()\nint w;")
                    .declarations,
                SizeIs(5));
    EXPECT_THAT(split_declarations("const char *s = \"};{\"; char c = '}';").declarations,
                SizeIs(2));
}

constexpr const char* header = "struct s { int a; };\n"
                               "static inline int get(struct s *p) { return p->a; }\n"
                               "static inline int twice(struct s *p) { return 2 * get(p); }\n"
                               "static inline int other(int x) { return x; }\n";

std::string unit(std::string text, const std::string& from = "", const std::string& to = "") {
    if (std::size_t at = text.find(from); !from.empty() && at != text.npos)
        text.replace(at, from.size(), to);
    return text;
}

TEST(CompareDeclarations, an_inline_function_matters_to_those_who_reach_it) {
    const std::string user = std::string(header) + "int f(struct s *p) { return twice(p); }";
    const std::string bystander = std::string(header) + "int f(int x) { return other(x); }";
    auto hit = compare_declarations(user, unit(user, "p->a", "p->a + 1"));
    EXPECT_TRUE(hit.affects);
    EXPECT_THAT(hit.names, ElementsAre("get"));
    EXPECT_FALSE(compare_declarations(bystander, unit(bystander, "p->a", "p->a + 1")).affects);
}

TEST(CompareDeclarations, a_structure_matters_to_those_who_reach_it) {
    const std::string user = std::string(header) + "int f(struct s *p) { return 1; }";
    const std::string bystander = std::string(header) + "int f(int x) { return other(x); }";
    EXPECT_TRUE(compare_declarations(user, unit(user, "int a;", "int b; int a;")).affects);
    EXPECT_FALSE(
        compare_declarations(bystander, unit(bystander, "int a;", "int b; int a;")).affects);
}

TEST(CompareDeclarations, what_a_pointer_points_at_matters_to_those_who_name_it) {
    const std::string types = "struct ops { int (*run)(int); };\n"
                              "struct s { const struct ops *ops; int ops_used; };\n"
                              "extern int call(struct ops *o);\n";
    const std::string user = types + "int f(struct s *p) { return p->ops->run(1); }";
    const std::string bystander = types + "int f(struct s *p) { return p->ops_used + call(0); }";
    EXPECT_TRUE(compare_declarations(user, unit(user, "(int)", "(long)")).affects);
    EXPECT_FALSE(compare_declarations(bystander, unit(bystander, "(int)", "(long)")).affects);
}

TEST(CompareDeclarations, a_structure_within_another_matters_to_users_of_the_other) {
    const std::string user = "struct in { int a; }; struct out { struct in in; int b; };\n"
                             "int f(struct out *p) { return p->b; }";
    EXPECT_TRUE(compare_declarations(user, unit(user, "int a;", "long a;")).affects);
}

TEST(CompareDeclarations, new_and_removed_declarations) {
    const std::string user = std::string(header) + "int f(int x) { return other(x); }";
    EXPECT_FALSE(compare_declarations(user, "extern int more;\n" + user).affects);
    EXPECT_FALSE(compare_declarations("extern int more;\n" + user, user).affects);
    EXPECT_TRUE(compare_declarations(user, "int more;\n" + user).affects);
    EXPECT_TRUE(compare_declarations(user + "int g(void) { return 1; }", user).affects);
}

TEST(CompareDeclarations, names_within_assembly_count_as_used) {
    const std::string user = "void target(int);\nvoid f(void) { asm ( \"call target\" ); }";
    EXPECT_TRUE(compare_declarations(user, unit(user, "target(int)", "target(long)")).affects);
}

TEST(CompareDeclarations, white_space_does_not_matter_and_order_does) {
    EXPECT_FALSE(
        compare_declarations("int f(void){return 1;}", "int f(void)\n{ return 1; }").affects);
    EXPECT_TRUE(compare_declarations("int a; int b;", "int b; int a;").affects);
}

TEST(CompareDeclarations, members_of_an_enumeration_count_one_by_one) {
    const std::string user = "enum { A = 1, B, C = 10, D };\nint f(void) { return B; }";
    EXPECT_FALSE(compare_declarations(user, unit(user, "C = 10", "NEW = 9, C = 10")).affects);
    EXPECT_FALSE(compare_declarations(user, unit(user, "C = 10", "C = 11")).affects);
    EXPECT_TRUE(compare_declarations(user, unit(user, "A = 1", "A = 2")).affects);
    EXPECT_TRUE(compare_declarations(user, unit(user, "B,", "NEW, B,")).affects);
}

TEST(CompareDeclarations, constants_of_the_assembler_matter_to_assembly_that_names_them) {
    const std::string list = "asm ( \".equ FEATURE_\" \"A\" \", \" \"1\" );\n";
    const std::string user = list + "void f(void) { asm ( \"\\t.word FEATURE_\" \"A\" ); }";
    const std::string bystander = list + "void f(void) { asm ( \"nop\" ); }";
    EXPECT_TRUE(compare_declarations(user, unit(user, "\"1\"", "\"2\"")).affects);
    EXPECT_FALSE(compare_declarations(bystander, unit(bystander, "\"1\"", "\"2\"")).affects);
}

constexpr const char* macros = ".macro INNER\n nop\n.endm\n.macro OUTER\n INNER\n.endm\n"
                               ".macro LONE\n nop\n.endm\n.equ K, 1\n";

TEST(CompareAssembly, a_changed_macro_and_those_that_use_it) {
    auto changes = compare_assembly(macros, unit(macros, "nop", "lfence"));
    EXPECT_FALSE(changes.rest);
    EXPECT_THAT(changes.names, UnorderedElementsAre("INNER", "OUTER"));
    EXPECT_TRUE(mentions("asm(\"\\tOUTER\\n\")", changes.names));
    EXPECT_FALSE(mentions("asm(\"LONE OUTERMOST\")", changes.names));
}

TEST(CompareAssembly, constants_and_the_rest) {
    auto changes = compare_assembly(macros, unit(macros, "K, 1", "K, 2"));
    EXPECT_FALSE(changes.rest);
    EXPECT_THAT(changes.names, UnorderedElementsAre("K"));
    EXPECT_TRUE(compare_assembly(macros, std::string(macros) + ".text\n").rest);
}

} // namespace
} // namespace xlp::build
