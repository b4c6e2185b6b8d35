// SPDX-License-Identifier: GPL-2.0-only
// Where objects of a changed type live and who handles them; what is made of that.
#include "types_compile.h"

#include "payload/types/findings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace xlp::types::test {

namespace {
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

const std::string prelude = "void sink(void *);\n";

TypeChanges grown(const std::string& rest) {
    return compare(prelude + "struct s {\nlong a;\n};\n" + rest,
                   prelude + "struct s {\nlong a;\nlong b;\n};\n" + rest);
}

Lifetime lifetime(const std::string& rest) {
    const TypeChanges c = grown(rest);
    const StructChange* s = find_struct(c, "struct s");
    EXPECT_TRUE(s) << rest;
    return s ? s->usage.lifetime() : Lifetime::unused;
}

Included only(std::vector<std::string> names) {
    return [names = std::move(names)](std::string_view symbol) {
        return std::find(names.begin(), names.end(), symbol) != names.end();
    };
}
} // namespace

TEST(TypesUsage, Lifetimes) {
    EXPECT_EQ(lifetime("struct s v;"), Lifetime::in_memory);
    EXPECT_EQ(lifetime("extern struct s v[]; long f(void) { return v[1].a; }"),
              Lifetime::in_memory);
    EXPECT_EQ(lifetime("void f(void) { static struct s v; sink(&v); }"), Lifetime::in_memory);
    EXPECT_EQ(lifetime("struct out { int n; struct s in[2]; } v;"), Lifetime::in_memory);
    EXPECT_EQ(lifetime("struct out { struct s *p; }; struct out *per_cpu__head;"),
              Lifetime::in_memory);
    EXPECT_EQ(lifetime("struct out { struct s *p; }; long f(struct out *o) { return o->p->a; }"),
              Lifetime::maybe);
    EXPECT_EQ(lifetime("struct s *f(void *p) { return p; }"), Lifetime::maybe);
    EXPECT_EQ(lifetime("long f(void *p) { struct s *s = p; return s->a; }"), Lifetime::maybe);
    EXPECT_EQ(lifetime("long f(struct s *s) { return s->a; }"), Lifetime::maybe)
        << "the caller is not known";
    EXPECT_EQ(lifetime("void f(void) { struct s s = {0}; sink(&s); }"), Lifetime::on_stack_only);
    EXPECT_EQ(lifetime("static long g(struct s *s) { return s->a; }\n"
                       "long f(void) { struct s s = {0}; sink(&s); return g(&s); }"),
              Lifetime::on_stack_only);
    EXPECT_EQ(lifetime("struct ops { long (*call)(struct s *); } ops;\n"
                       "void f(void) { struct s s = {0}; ops.call(&s); }"),
              Lifetime::on_stack_only)
        << "a function that takes a pointer does not keep it";
}

TEST(TypesUsage, UsersAreThoseWithCode) {
    const TypeChanges c = grown("static inline long in(struct s *s) { return s->a; }\n"
                                "struct out { struct s in; };\n"
                                "struct far { struct out *o; };\n"
                                "long direct(struct s *s) { return s->a; }\n"
                                "long contains(struct out *o) { return o->in.a; }\n"
                                "long inlined(void *p) { return in(p) + 1; }\n"
                                "long chain(struct far *f) { return f->o->in.a; }\n"
                                "void maker(void) { struct out o; sink(&o); }\n"
                                "long other(long *p) { return *p; }\n");
    const StructChange* s = find_struct(c, "struct s");
    ASSERT_TRUE(s);
    EXPECT_THAT(s->usage.users,
                ElementsAre(Pair("chain", Use{1}), Pair("contains", Use{0}), Pair("direct", Use{0}),
                            Pair("inlined", Use{0}), Pair("maker", Use{0, true})));
}

TEST(TypesUsage, GuestHandlesLeadOutOfTheHypervisor) {
    EXPECT_EQ(lifetime("typedef struct { struct s *p; } __guest_handle_s; __guest_handle_s h;\n"
                       "void f(void) { struct s s; sink(&s); sink(&h); }"),
              Lifetime::on_stack_only);
}

TEST(TypesFindings, InMemoryIsRefusedWithPlaceAndRemedy) {
    const TypeChanges c = grown("struct s v; long f(struct s *s) { return s->a; }");
    const Findings all = findings(c, only({"f"}));
    ASSERT_EQ(all.size(), 1U);
    EXPECT_EQ(all[0].code, "types.layout");
    EXPECT_EQ(all[0].severity, Severity::error);
    EXPECT_EQ(all[0].failure, Failure::refused);
    EXPECT_EQ(all[0].where.source, "unit.c");
    EXPECT_EQ(all[0].where.line, 4U);
    EXPECT_THAT(all[0].why, HasSubstr("`struct s` grew by 8 bytes (8 to 16): new member `b` (8 "
                                      "bytes at offset 8)"));
    EXPECT_THAT(all[0].why, HasSubstr("`f`"));
    EXPECT_THAT(all[0].remedy, HasSubstr("shadow"));
    EXPECT_FALSE(has_errors(findings(c, only({})))) << "nothing in the payload uses it";
}

TEST(TypesFindings, OnTheStackAllMakersMustBeIncluded) {
    const TypeChanges c = grown("long g(struct s *s) { sink(s); return s->a; }\n"
                                "void f(void) { struct s s = {0}; sink(&s); }");
    const StructChange* s = find_struct(c, "struct s");
    ASSERT_TRUE(s);
    EXPECT_THAT(s->usage.users, ElementsAre(Pair("f", Use{0, true}), Pair("g", Use{0})));
    EXPECT_FALSE(has_errors(findings(c, only({"f", "g"}))));
    EXPECT_FALSE(has_errors(findings(c, only({"f"})))) << "g is the same code as before";
    const Findings part = findings(c, only({"g"}));
    ASSERT_TRUE(has_errors(part));
    EXPECT_THAT(part[0].why,
                HasSubstr("`f` stays unchanged and creates it for `g` of the payload"));
}

TEST(TypesFindings, PaddingWarns) {
    const std::string rest = "struct s v; long f(struct s *s) { return s->a; }";
    const TypeChanges c = compare("struct s { char a; long b; };\n" + rest,
                                  "struct s { char a;\nchar flag; long b; };\n" + rest);
    const Findings all = findings(c, only({"f"}));
    ASSERT_EQ(all.size(), 1U);
    EXPECT_EQ(all[0].code, "types.padding");
    EXPECT_EQ(all[0].severity, Severity::warning);
    EXPECT_EQ(all[0].where.line, 2U);
    EXPECT_THAT(all[0].why, HasSubstr("`flag`"));
}

TEST(TypesFindings, FollowersAreToldWithTheirCause) {
    const TypeChanges c = grown("struct mid { struct s in; }; struct out { struct mid m; } v;\n"
                                "long f(struct out *o) { return o->m.in.a; }");
    ASSERT_EQ(c.structs.size(), 3U);
    const Findings all = findings(c, only({"f"}));
    ASSERT_EQ(all.size(), 1U);
    EXPECT_THAT(all[0].why,
                HasSubstr("With it change `struct mid` and `struct out`, which contain it."));
}

TEST(TypesFindings, EnumsFunctionsVariables) {
    auto source = [](const char* e, const char* type) {
        return std::string("enum e {") + e + "};\n" + type + " v;\nenum e use(" + type
               + " n) { v = n; return A; }\n";
    };
    const TypeChanges added = compare(source("A, B", "int"), source("A, B, C", "int"));
    EXPECT_FALSE(has_errors(findings(added, only({"use"}))));
    const TypeChanges c = compare(source("A, B", "int"), source("X, A, B", "long"));
    const Findings all = findings(c, only({"use"}));
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0].code, "types.enum");
    EXPECT_EQ(all[0].severity, Severity::error);
    EXPECT_EQ(all[1].code, "types.variable");
    EXPECT_THAT(all[1].why, HasSubstr("`v` was `int` (4 bytes), now `long int` (8 bytes)"));
    ASSERT_EQ(c.functions.size(), 1U);
    EXPECT_EQ(finding(c.functions[0], {}).severity, Severity::note);
    const Finding refused = finding(c.functions[0], {"caller"});
    EXPECT_EQ(refused.severity, Severity::error);
    EXPECT_THAT(refused.why, HasSubstr("`caller` still calls it the old way"));
}

} // namespace xlp::types::test
