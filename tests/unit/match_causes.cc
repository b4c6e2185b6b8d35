// SPDX-License-Identifier: GPL-2.0-only
// From mismatches to the likely cause, and what is said about them.
#include "match_tiny_xen.h"

#include "payload/match/explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace xlp::match::test {
namespace {

// Twelve functions that read a structure, call each other and loop.
std::string twelve_functions() {
    std::string s = "struct d { int a; EXTRA int b, c; struct d *next; };\n"
                    "int total; void note(struct d *d);\n"
                    "void note(struct d *d) { asm volatile(\"\" ::\"r\"(d)); }\n";
    for (int i = 0; i < 12; ++i) {
        const std::string n = std::to_string(i);
        s += "int f" + n + "(struct d *d) { int r = " + n
             + "; for (; d; d = d->next) { r += d->b; MARK if (d->c == " + std::to_string(i + 20)
             + ") note(d); } total += r; return r; }\n";
    }
    return s;
}

Source with(std::string more_flags, std::string text = twelve_functions()) {
    Source s{std::move(text)};
    s.flags += " -DEXTRA= -DMARK= " + more_flags;
    return s;
}

Diagnosis diagnosis(const Pair& p) {
    return diagnose({&p.match, 1}, p.image);
}

TEST(MatchCauses, NothingToSay) {
    Pair p(with(""), with(""));
    EXPECT_EQ(text(diagnosis(p).cause), "nothing");
    EXPECT_FALSE(others(p.match, {}, diagnosis(p)));
}

TEST(MatchCauses, AnotherCompiler) {
    Source other = with("-fno-ident -O1");
    other.text += "asm(\".ident \\\"GCC: (Elsewhere) 99.1\\\"\");";
    Pair p(other, with(""));
    const Diagnosis d = diagnosis(p);
    EXPECT_EQ(text(d.cause), "a different compiler");
    EXPECT_THAT(d.why, testing::HasSubstr("GCC: (Elsewhere) 99.1"));
    EXPECT_THAT(d.remedy, testing::HasSubstr("GCC: ("));
}

TEST(MatchCauses, OtherOptions) {
    Pair p(with("-O1 -fno-omit-frame-pointer"), with(""));
    EXPECT_EQ(text(diagnosis(p).cause), "different compiler options");
}

TEST(MatchCauses, StructureLaidOutInAnotherWay) {
    Source longer{twelve_functions()};
    longer.flags += " '-DEXTRA=long more;' -DMARK=";
    Pair p(longer, with(""));
    const Diagnosis d = diagnosis(p);
    EXPECT_EQ(text(d.cause), "a different configuration");
    EXPECT_THAT(d.why, testing::HasSubstr("laid out differently"));
}

TEST(MatchCauses, OptionToldByItsInstructions) {
    Pair p(with(""), with("-fcf-protection=branch"));
    const Diagnosis d = diagnosis(p);
    EXPECT_EQ(text(d.cause), "a different configuration");
    EXPECT_THAT(d.why, testing::HasSubstr("CONFIG_XEN_IBT"));
}

TEST(MatchCauses, SymbolsThatTheHypervisorLacks) {
    Source more = with("");
    more.text += "extern void audit(int); int f20(int x) { return x * 3; }";
    Source less = more;
    more.text.replace(more.text.rfind("return x"), 0, "audit(x); ");
    Pair p(more, less);
    const Diagnosis d = diagnosis(p);
    EXPECT_EQ(text(d.cause), "a different configuration");
    EXPECT_THAT(d.why, testing::HasSubstr("audit"));
}

TEST(MatchCauses, OtherSource) {
    std::string changed = twelve_functions();
    changed.replace(changed.find("int r = 5;"), 10, "int r = 9;");
    Pair p(with(""), with("", changed));
    const Diagnosis d = diagnosis(p);
    EXPECT_EQ(text(d.cause), "different source");
    EXPECT_EQ(d.differ, 1u);
}

TEST(MatchCauses, AnotherHypervisor) {
    Pair p(with(""), {"int unrelated(void) { return 3; }"});
    EXPECT_EQ(text(diagnosis(p).cause), "a different hypervisor");
}

TEST(MatchCauses, FirstUnlikeInstructionIsShown) {
    std::string changed = twelve_functions();
    changed.replace(changed.find("int r = 5;"), 10, "int r = 9;");
    Pair p(with(""), with("", changed));
    const atom::AtomId f5 = p.id("f5");
    const auto found = explain(p.match, {&f5, 1}, diagnosis(p), p.image,
                               [](const elf::Object&, std::uint32_t, std::uint64_t) {
                                   return std::optional(SourceLine{"common/unit.c", 12});
                               });
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].code, "match.mismatch");
    EXPECT_EQ(found[0].failure, Failure::refused);
    EXPECT_EQ(found[0].where.function, "f5");
    EXPECT_EQ(found[0].where.line, 12u);
    EXPECT_THAT(found[0].why, testing::HasSubstr("$5,"));
    EXPECT_THAT(found[0].why, testing::HasSubstr("$9,"));
    EXPECT_FALSE(found[0].remedy.empty());
    EXPECT_FALSE(others(p.match, {&f5, 1}, diagnosis(p)));
    const auto rest = others(p.match, {}, diagnosis(p));
    ASSERT_TRUE(rest);
    EXPECT_EQ(rest->severity, Severity::warning);
}

TEST(MatchCauses, ShiftedBranchesAreNotTheDifference) {
    // an instruction more in the loop moves every branch; the first of them comes before it
    Source longer{twelve_functions()};
    longer.flags += " -DEXTRA= '-DMARK=asm volatile(\"cpuid\":::\"eax\",\"ebx\",\"ecx\",\"edx\");'";
    Source shorter{twelve_functions()};
    shorter.flags += " -DEXTRA= '-DMARK=asm volatile(\"\":::\"eax\",\"ebx\",\"ecx\",\"edx\");'";
    Pair p(shorter, longer);
    const atom::AtomId f3 = p.id("f3");
    const auto found = explain(p.match, {&f3, 1}, diagnosis(p), p.image);
    ASSERT_EQ(found.size(), 1u);
    EXPECT_THAT(found[0].why, testing::HasSubstr("the hypervisor has `cpuid"));
}

TEST(MatchCauses, StringsAreANote) {
    Pair p({"const char *f(void) { return \"Mon Nov 23\"; }"},
           {"const char *f(void) { return \"Sat Nov 29\"; }"});
    const atom::AtomId f = p.id("f");
    const auto found = explain(p.match, {&f, 1}, diagnosis(p), p.image);
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].code, "match.strings");
    EXPECT_EQ(found[0].severity, Severity::note);
    EXPECT_THAT(found[0].why, testing::HasSubstr("Sat Nov 29"));
}

} // namespace
} // namespace xlp::match::test
