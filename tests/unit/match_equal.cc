// SPDX-License-Identifier: GPL-2.0-only
// What must count as equal, whatever the linker did to it, and what must not.
#include "match_tiny_xen.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace xlp::match::test {
namespace {

constexpr const char* program = R"(
int counter; int limit = 40; extern void printk(const char *, ...);
void printk(const char *f, ...) { asm volatile("" ::"r"(f)); }
static const int table[4] = {3, 5, 7, 11};
__attribute__((noinline)) static int helper(int i) { return table[i & 3] + limit; }
int work(int i) { printk("working on %d\n", i); counter += helper(i); return counter; }
double scale(double x) { return x * 3.25; }
int (*const ops[2])(int) = {work, helper};
)";

std::string replaced(std::string text, std::string_view from, std::string_view to) {
    const std::size_t at = text.find(from);
    EXPECT_NE(at, text.npos) << from;
    return text.replace(at, from.size(), to);
}

Source source(std::string text, std::string more_flags = {}) {
    Source s{std::move(text)};
    s.flags += " " + more_flags;
    return s;
}

TEST(MatchEqual, EverythingOfTheSameSource) {
    Pair p({program}, {program});
    for (const char* name :
         {"work", "helper", "printk", "scale", "table", "limit", "ops", "counter"})
        EXPECT_EQ(text(p.of(name).state), "matched") << name;
    EXPECT_EQ(p.of("helper").address, p.image.resolve("unit.c#helper"));
    EXPECT_EQ(p.of("work").size, p.image.find("work").front()->size);
}

TEST(MatchEqual, NamelessThingsAreFound) {
    Pair p({program}, {program});
    bool string = false, literal = false;
    for (const atom::Atom& a : p.module->atoms()) {
        if (!a.anonymous() || !p.match.address(a.id))
            continue;
        const View there = p.image.bytes(p.match.address(a.id), a.size);
        EXPECT_THAT(std::vector(there.begin(), there.end()),
                    testing::ElementsAreArray(a.bytes.begin(), a.bytes.end()))
            << a.label();
        string |= a.section_class == xen::SectionClass::string;
        literal |= a.section_class == xen::SectionClass::literal;
    }
    EXPECT_TRUE(string);
    EXPECT_TRUE(literal);
}

TEST(MatchEqual, OtherAddressesDoNotMatter) {
    TinyXen tiny;
    const auto image = tiny.link({{"int first[100] = {1}; int before(void) { return first[7]; } "
                                   "const char *t(void) { return \"in front of all others\"; }",
                                   "before.c"},
                                  {program}});
    const auto module = tiny.compile({program});
    const Match m = match_module(*module, image);
    for (const atom::Atom& a : module->atoms()) {
        if (a.anonymous())
            continue;
        EXPECT_EQ(text(m.of(a.id).state), "matched") << a.name;
    }
}

TEST(MatchEqual, StringsWithACommonTail) {
    const char* text_of = "const char *a(void) { return \"long tail\"; }"
                          "const char *b(void) { return \"tail\"; }";
    TinyXen tiny;
    const auto image =
        tiny.link({{text_of}, {"const char *c(void) { return \"very long tail\"; }", "other.c"}});
    const auto module = tiny.compile({text_of});
    const Match m = match_module(*module, image);
    EXPECT_EQ(text(m.of(module->find("a")->id).state), "matched");
    EXPECT_EQ(text(m.of(module->find("b")->id).state), "matched");
}

TEST(MatchEqual, OtherStringIsToldApartFromOtherCode) {
    Pair p({program}, {replaced(program, "working on", "occupied with")});
    const AtomMatch& work = p.of("work");
    EXPECT_EQ(text(work.state), "strings differ");
    EXPECT_TRUE(same(work.state));
    ASSERT_FALSE(work.different.empty());
    EXPECT_THAT(work.different[0].expected, testing::HasSubstr("working on"));
    EXPECT_THAT(work.different[0].actual, testing::HasSubstr("occupied with"));
}

TEST(MatchEqual, MiddleOfAStringIsNoOtherString) {
    const char* f = "const char *f(void) { return \"alphabet\"; }";
    Pair p({f}, {replaced(f, "\"alphabet\"", "\"alphabet\" + 3")});
    EXPECT_EQ(text(p.of("f").state), "reference differs");
}

TEST(MatchEqual, OtherConstantInCode) {
    Pair p({program}, {replaced(program, "i & 3", "i & 1")});
    EXPECT_EQ(text(p.of("helper").state), "bytes differ");
    EXPECT_EQ(text(p.of("work").state), "matched");
}

TEST(MatchEqual, OtherConstantDatum) {
    Pair p({program}, {replaced(program, "7, 11", "7, 13")});
    EXPECT_EQ(text(p.of("table").state), "bytes differ");
    EXPECT_EQ(p.of("table").different[0].offset, 12u);
    EXPECT_EQ(text(p.of("helper").state), "matched");
}

TEST(MatchEqual, OtherLiteral) {
    Pair p({program}, {replaced(program, "3.25", "4.25")});
    EXPECT_EQ(text(p.of("scale").state), "reference differs");
}

TEST(MatchEqual, ReferenceToAnotherThing) {
    const char* two = "int a, b; void f(void) { a = 1; } void g(void); void h(void);"
                      "void g(void) { b = 2; } void h(void) { b = 3; } void call(void) { g(); }";
    const char* flags = "-fno-optimize-sibling-calls -fno-inline -fno-ipa-icf";
    Pair variable(source(two, flags), source(replaced(two, "a = 1", "b = 1"), flags));
    EXPECT_EQ(text(variable.of("f").state), "reference differs");
    EXPECT_EQ(variable.of("f").different[0].expected, "a");
    EXPECT_EQ(variable.of("f").different[0].actual, "b");
    Pair callee(source(two, flags), source(replaced(two, "{ g(); }", "{ h(); }"), flags));
    EXPECT_EQ(text(callee.of("call").state), "reference differs");
    Pair pointer({program}, {replaced(program, "{work, helper}", "{helper, work}")});
    EXPECT_EQ(text(pointer.of("ops").state), "reference differs");
}

TEST(MatchEqual, OffsetIntoTheRightThing) {
    const char* array = "int a[9]; int f(void) { return a[4]; }";
    Pair p({array}, {replaced(array, "a[4]", "a[5]")});
    EXPECT_EQ(text(p.of("f").state), "reference differs");
    EXPECT_EQ(p.of("f").different[0].expected, "a+0x10");
    EXPECT_EQ(p.of("f").different[0].actual, "a+0x14");
}

TEST(MatchEqual, AnotherSizeAndNoSuchFunction) {
    Pair p({program}, {replaced(replaced(program, "return table", "counter ^= 5; return table"),
                                "scale", "skale")});
    EXPECT_EQ(text(p.of("helper").state), "size differs");
    EXPECT_EQ(text(p.of("scale").state), "missing");
}

TEST(MatchEqual, LineNumbersAreTheirOwnKind) {
    const char* uses =
        "extern void crash(int); void crash(int l) { asm volatile(\"\" ::\"r\"(l)); }\n"
        "__attribute__((noinline)) static void die(int l, int m) { crash(l); }\n"
        "void f(int x) {\n if (x > 1234) die(__LINE__, 77);\n}\n";
    Source flags = source(std::string(100, '\n') + uses, "-fno-inline -fno-ipa-cp -fno-ipa-sra");
    Source shifted = flags;
    shifted.text = std::string(300, '\n') + shifted.text;
    Pair p(flags, shifted);
    EXPECT_EQ(text(p.of("f").state), "line numbers differ");
    Source other = flags;
    other.text = replaced(other.text, "1234", "1233");
    other.text = replaced(other.text, "__LINE__", "__LINE__ + 9");
    Pair both(flags, other); // once up, once down: no line numbers
    EXPECT_EQ(text(both.of("f").state), "bytes differ");
}

TEST(MatchEqual, SizesAreNoLineNumbers) {
    const char* uses = "int f(int x) { return x * 0 + 256; }";
    Pair p({uses}, {replaced(uses, "256", "512")});
    EXPECT_EQ(text(p.of("f").state), "bytes differ");
}

TEST(MatchEqual, SameNameTwiceIsSettledByContent) {
    const char* one = "__attribute__((noinline)) static int pick(int x) { return x * 3; }"
                      "int one(int x) { return pick(x) + 1; }";
    const char* two = "__attribute__((noinline)) static int pick(int x) { return x * 5; }"
                      "int two(int x) { return pick(x) + 1; }";
    TinyXen tiny;
    const auto image = tiny.link({{one}, {two}});
    ASSERT_EQ(image.find("unit.c#pick").size(), 2u);
    const auto module = tiny.compile({two});
    const Match m = match_module(*module, image);
    const AtomMatch& pick = m.of(module->find("pick")->id);
    EXPECT_EQ(text(pick.state), "matched");
    EXPECT_EQ(pick.address, image.find("unit.c#pick")[1]->address);
    EXPECT_EQ(text(m.of(module->find("two")->id).state), "matched");
}

TEST(MatchEqual, JumpTables) {
    std::string many = "int f(int x) { switch (x) {";
    for (int i = 0; i < 12; ++i)
        many += " case " + std::to_string(i) + ": asm volatile(\"nop\"); return "
                + std::to_string(i * i * 7 % 31) + ";";
    many += "} return 0; }";
    Source tables{many, "unit.c",
                  "-O2 -fpic -fvisibility=hidden -ffunction-sections -fdata-sections "
                  "-fcf-protection=none -fno-asynchronous-unwind-tables"};
    Pair p(tables, tables);
    EXPECT_EQ(text(p.of("f").state), "matched");
    Source swapped = tables; // the same bodies in the same order, reached by other numbers
    swapped.text = replaced(replaced(tables.text, "case 3:", "case X:"), "case 4:", "case 3:");
    swapped.text = replaced(swapped.text, "case X:", "case 4:");
    Pair q(tables, swapped);
    EXPECT_FALSE(same(q.of("f").state)) << text(q.of("f").state);
}

TEST(MatchEqual, PiecesOfInlineAssemblyElsewhere) {
    const char* with = "int f(int x) { asm volatile(\"cmpl $9,%0; ja 1f; 2:\\n\""
                       "\".pushsection .text.unlikely,\\\"ax\\\"; 1: movl $7,%0; jmp 2b;\""
                       "\".popsection\" : \"+r\"(x)); return x; }";
    Pair p({with}, {with});
    EXPECT_EQ(text(p.of("f").state), "matched");
    Pair q({with}, {replaced(with, "movl $7", "movl $8")});
    EXPECT_EQ(text(q.of("f").state), "reference differs");
}

} // namespace
} // namespace xlp::match::test
