// SPDX-License-Identifier: GPL-2.0-only
// What makes two functions different, what does not, and which atom is which.
#include "diff_pair.h"

namespace xlp::diff::test {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

TEST(Compare, DistanceToAFunctionOfTheSameSection) {
    const std::string first = "__init int first(int x) { return outside(x) + outside(x + 1); }\n";
    const std::string second = "__init int second(int x) { return first(x) + 1; }\n"
                               "int a(int x) { return outside(x) + ";
    Diff d(first + second + "1; }",
           first + "__init int between(int x) { return outside(x) - outside(x + 5); }\n" + second
               + "2; }");
    EXPECT_THAT(d.replaced(), ElementsAre("a"));
    EXPECT_THAT(d.codes(), IsEmpty());
    EXPECT_EQ(d.program().units[0].state(d.program().units[0].patched->find("second")->id),
              State::same);
}

TEST(Compare, LinesInBugFramesDoNotCount) {
    Diff d("int a(int x) { WARN(100); return x; }\nint b(int x) { return outside(x); }",
           "int a(int x) { WARN(5000); return x; }\nint b(int x) { return outside(x) + 1; }");
    EXPECT_THAT(d.replaced(), ElementsAre("b"));
}

TEST(Compare, ABugFrameMoreDoesCount) {
    Diff d("int a(int x) { asm volatile (\"ud2\"); return x; }",
           "int a(int x) { WARN(5); return x; }");
    EXPECT_THAT(d.replaced(), ElementsAre("a"));
}

TEST(Compare, ExceptionTableAlone) {
    const std::string begin = "int a(int x) { asm volatile (\"1: mov %0, %0\\n2: nop\\n3:\\n\" ";
    const std::string end = " : \"+r\" (x)); return x; }";
    Diff d(begin + "EXTABLE(\"1b\", \"2b\")" + end, begin + "EXTABLE(\"1b\", \"3b\")" + end);
    EXPECT_THAT(d.replaced(), ElementsAre("a"));
    EXPECT_NE(d.item("a")->reason.find(".ex_table"), std::string::npos) << d.item("a")->reason;
}

TEST(Compare, FixupCodeGoesWithItsFunction) {
    auto text = [](const char* value) {
        return std::string("int a(int x) { asm volatile (\"1: mov %0, %0\\n2:\\n"
                           ".pushsection .fixup,\\\"ax\\\"\\n3: mov $")
               + value
               + ", %0\\n jmp 2b\\n.popsection\\n\" EXTABLE(\"1b\", \"3b\") : \"+r\" (x)); return "
                 "x; }\nint b(int x) { asm volatile (\"1: mov %0, %0\\n2:\\n"
                 ".pushsection .fixup,\\\"ax\\\"\\n3: mov $8, %0\\n jmp 2b\\n.popsection\\n\" "
                 "EXTABLE(\"1b\", \"3b\") : \"+r\" (x)); return x; }";
    };
    Diff d(text("5"), text("6"));
    EXPECT_THAT(d.replaced(), ElementsAre("a"));
    EXPECT_EQ(d.names(Role::companion).size(), 1U); // a's piece and not b's
}

TEST(Compare, StringsByContent) {
    Diff d("const char *a(void) { return \"one\"; }\nconst char *b(void) { return \"two\"; }",
           "const char *n(void) { return \"in front\"; }\n"
           "const char *a(void) { return \"one\"; }\nconst char *b(void) { return \"TWO\"; }");
    EXPECT_THAT(d.replaced(), ElementsAre("b"));
    EXPECT_THAT(d.names(Role::constant), ElementsAre("string \"TWO\""));
}

TEST(Compare, LiteralsByContent) {
    const std::string flags(match::test::xen_flags);
    const std::string sse = flags + " -msse2";
    auto text = [](const char* last) {
        return std::string("typedef int v __attribute__((vector_size(16)));\n"
                           "void a(v *p) { *p = (v){ 1, 2, 3, 4 }; }\n"
                           "void b(v *p) { *p = (v){ 5, 6, 7, ")
               + last + " }; }";
    };
    Diff d(std::vector<Change>{
        {Source{text("8"), "unit.c", sse}, Source{text("9"), "unit.c", sse}, {}}});
    EXPECT_THAT(d.replaced(), ElementsAre("b"));
    EXPECT_THAT(d.names(Role::constant), ElementsAre("16-byte literal"));
}

TEST(Compare, LineNumbersInCodeAreForgivenWhenStableLinesShowIt) {
    auto text = [](const char* line) {
        return std::string("int a(int x) { return outside(x) + 1; }\nint b(int x) { return "
                           "outside(")
               + line + "); }";
    };
    auto changed = [&](const char* line) {
        std::string t = text(line);
        t.replace(t.find("+ 1"), 3, "+ 7");
        return t;
    };
    Diff unaided(text("100"), changed("103"));
    EXPECT_THAT(unaided.replaced(), ElementsAre("a", "b"));
    Diff aided(text("100"), changed("103"), changed("100"));
    EXPECT_THAT(aided.replaced(), ElementsAre("a"));
    EXPECT_THAT(aided.selection().line_only, ElementsAre("b"));
}

TEST(Correlate, StaticLocalsKeepTheirPlaceWhenNumberedAnew) {
    const std::string count = "int count(void) { static int n = 1; return n++; }\n";
    const std::string other = "int other(int x) { static int n = 1; n += x; return n; }\n";
    const std::string fresh = "int fresh(int x) { static int n = 1; n -= x; return n; }\n";
    std::string changed = other;
    changed.replace(changed.find("n += x"), 6, "n += outside(x)");
    Diff d(count + other, fresh + count + changed);
    EXPECT_THAT(d.replaced(), ElementsAre("other"));
    EXPECT_THAT(d.codes(), IsEmpty());
    // bound to the variable of the running hypervisor, by the name that it has there
    const auto bound = d.bound("other");
    ASSERT_FALSE(bound.empty());
    bool found = false;
    for (const std::string& name : bound)
        if (name.starts_with("unit.c#n.")) {
            found = true;
            const atom::Atom* before = d.program().units[0].original->find("other");
            const auto& r = before->references;
            const bool same = std::any_of(r.begin(), r.end(), [&](const auto& ref) {
                return ref.atom != atom::no_atom
                       && d.program().units[0].original->atom(ref.atom).xen_name() == name;
            });
            EXPECT_TRUE(same) << name;
        }
    EXPECT_TRUE(found);
}

TEST(Correlate, FunctionThatIsInlinedNow) {
    Diff d(
        "static noinline int part(int x) { return outside(x) + 3; }\n"
        "int a(int x) { return part(x); }\nint b(int x) { return part(x) * 2; }",
        "static inline __attribute__((always_inline)) int part(int x) { return outside(x) + 3; }\n"
        "int a(int x) { return part(x); }\nint b(int x) { return part(x) * 2; }");
    EXPECT_THAT(d.replaced(), UnorderedElementsAre("a", "b"));
    EXPECT_THAT(d.codes(), IsEmpty());
}

TEST(Correlate, RemovedFunctionLeavesOnlyItsCallersToReplace) {
    Diff d("static noinline int gone(int x) { return outside(x) + 3; }\n"
           "int a(int x) { return gone(x); }\nint b(int x) { return outside(x); }",
           "int a(int x) { return outside(x) + 1; }\nint b(int x) { return outside(x); }");
    EXPECT_THAT(d.replaced(), ElementsAre("a"));
}

TEST(Correlate, JumpTableBelongsToItsFunction) {
    std::string flags(match::test::xen_flags);
    flags.replace(flags.find("-fno-jump-tables"), 16, "");
    auto text = [](const char* last) {
        return std::string("int f0(int), f1(int), f2(int);\nint a(int x, int k) { switch (k) {\n")
               + "case 0: return outside(x); case 1: return outside(x + 1);\n"
                 "case 2: return outside(x * 2); case 3: return outside(x - 3);\n"
                 "case 4: return outside(x ^ 4); case 5: return outside("
               + last + "); } return 0; }\nextern int outside(int);";
    };
    const std::string declared = "extern int outside(int);\n";
    Diff d(std::vector<Change>{{Source{declared + text("x | 5"), "unit.c", flags},
                                Source{declared + text("x | 6"), "unit.c", flags},
                                {}}});
    EXPECT_THAT(d.replaced(), ElementsAre("a"));
    const auto constants = d.names(Role::constant);
    ASSERT_EQ(constants.size(), 1U);
    EXPECT_TRUE(constants[0].starts_with("unnamed contents")) << constants[0];
    // its targets are in the payload's own copy
    const Included* table = nullptr;
    for (const Included& i : d.selection().items)
        if (i.role == Role::constant)
            table = &i;
    for (const atom::Reference& r : d.program().atom(table->place).references)
        EXPECT_EQ(d.binder().bind(0, r).kind, Binding::Kind::carried);
}

} // namespace xlp::diff::test
