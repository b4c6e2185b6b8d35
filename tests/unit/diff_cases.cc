// SPDX-License-Identifier: GPL-2.0-only
// Kinds of change that other live-patch tools are known to have lost: what the payload must hold,
// or which finding must speak of it.
#include "diff_pair.h"
#include "payload/diff/account.h"

namespace xlp::diff::test {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

namespace {

std::vector<std::string> lost(const Diff& d) {
    std::vector<std::string> names;
    for (const Finding& f :
         account_for(d.program(), d.selection(), d.binder(), d.selection().findings).unsettled)
        names.push_back(f.where.function);
    return names;
}

// A table in a section that several variables share, as __read_mostly makes one.
const std::string ring = R"(
#define rm __attribute__((section(".data.read_mostly")))
struct row { long key, value; };
static struct row *cursor;
)";
const std::string walk = R"(
static struct row ring[6] rm = { {1, 10}, {2, 20}, {3, 30}, {4, 40}, {5, 50}, {6, 60} };
void tune(int i, long v) { ring[i % 6u].value = v; cursor = &ring[i % 6u]; }
int a(int x) { if ( ++cursor == &ring[6] ) { EXTRA cursor = ring; } cursor->key = x; return 0; }
)";

} // namespace

TEST(Cases, AFunctionThatMovesToAnotherUnitIsReplacedThere) {
    Diff d({{source("int moved(int x) { return outside(x) + 1; }\nint b(int x) { return x; }"),
             source("int b(int x) { return x; }")},
            {source("int c(int x) { return x * 5; }", "other.c"),
             source("int moved(int x) { return outside(x) + 2; }\nint c(int x) { return x * 5; }",
                    "other.c")}});
    EXPECT_THAT(d.replaced(), ElementsAre("moved"));
    EXPECT_EQ(d.item("moved")->old_address, *d.image().resolve("moved"));
    EXPECT_THAT(lost(d), IsEmpty());
}

TEST(Cases, AFunctionThatOnlyMovesIsInTheAccount) {
    const std::string moved = "int moved(int x) { return outside(x) + 1; }\n";
    Diff d(
        {{source(moved + "int b(int x) { return x; }"), source("int b(int x) { return x + 9; }")},
         {source("int c(int x) { return x * 5; }", "other.c"),
          source(moved + "int c(int x) { return x * 5; }", "other.c")}});
    EXPECT_THAT(d.replaced(), ElementsAre("b"));
    const Account account =
        account_for(d.program(), d.selection(), d.binder(), d.selection().findings);
    EXPECT_EQ(account.counts.at("function").at(Fate::moved), 1U);
    EXPECT_THAT(account.entries,
                Contains(testing::FieldsAre("other.c", "moved", "function", Fate::moved)));
}

TEST(Cases, AFunctionThatMovesAwayFromAStaticHasOneOfItsOwn) {
    const std::string moved = "static int hits;\nint moved(int x) { return hits += outside(x); }\n";
    const std::string stays = "int b(int x) { return hits += x; }\n";
    const std::string other = "int c(int x) { return x * 5; }\n";
    Diff d({{source(moved + stays), source("static int hits;\n" + stays)},
            {source(other, "other.c"), source(moved + other, "other.c")}});
    EXPECT_THAT(d.replaced(), ElementsAre("moved"));
    EXPECT_THAT(d.names(Role::new_data), ElementsAre("hits"));
}

TEST(Cases, AFunctionThatMovesToAnotherHelperOfThatNameChanges) {
    const std::string moved = "int moved(int x) { return help(x) + 1; }\n";
    const std::string help = "static noinline int help(int x) { return outside(x) + 1; }\n";
    const std::string another = "static noinline int help(int x) { return outside(x) + 2; }\n";
    const std::string b = "int b(int x) { return help(x); }\n",
                      c = "int c(int x) { return help(x); }\n";
    Diff d({{source(help + moved + b), source(help + b)},
            {source(another + c, "other.c"), source(another + moved + c, "other.c")}});
    EXPECT_THAT(d.replaced(), ElementsAre("moved"));
    const Included* i = d.item("moved");
    ASSERT_NE(i, nullptr);
    bool its_own = false;
    for (const atom::Reference& r : d.program().atom(i->place).references)
        its_own |= d.binder().bind(i->place.unit, r).name == "other.c#help";
    EXPECT_TRUE(its_own);
}

TEST(Cases, TwoNamesOfOneVariableDoNotBecomeTwoVariables) {
    Diff d("int x[4]; extern int y[4] __attribute__((alias(\"x\")));\n"
           "int a(int i) { y[i & 3] = i; return outside(x[0]); }",
           "int x[4]; int y[4];\nint a(int i) { y[i & 3] = i + 1; return outside(x[0]); }");
    EXPECT_THAT(d.codes(), Contains("select.alias"));
}

TEST(Cases, AnAliasOfAFixedFunctionLeadsToIt) {
    Diff d("int a(int x) { return outside(x) + 1; }\nint twin(int x) { return outside(x) * 9; }",
           "int a(int x) { return outside(x) + 2; }\n"
           "int twin(int x) __attribute__((alias(\"a\")));");
    ASSERT_THAT(d.replaced(), ElementsAre(testing::AnyOf("a", "twin")));
    const Included& item = d.selection().items[0];
    ASSERT_EQ(item.also.size(), 1U);
    EXPECT_NE(item.old_address, item.also[0].address);
}

TEST(Cases, BootCodeThatIsUsedLaterIsCarried) {
    Diff d("int __init early(int x) { return outside(x) + 3; }\n"
           "int a(int x) { return outside(x); }",
           "int noinline early(int x) { return outside(x) + 3; }\n"
           "int a(int x) { return outside(x) + early(x); }");
    EXPECT_THAT(d.replaced(), ElementsAre("a"));
    EXPECT_THAT(d.names(Role::addition), ElementsAre("early"));
    EXPECT_THAT(d.codes(), IsEmpty());
}

TEST(Cases, StateThatMovesIntoAHelperStartsAnewWithAWarning) {
    Diff d("int a(int x) { static int toks; return toks += outside(x); }",
           "static noinline int help(int x) { static int toks; return toks += outside(x); }\n"
           "int a(int x) { return x < 0 ? 1 : help(x) + 0 * outside(x); }");
    EXPECT_THAT(d.codes(Severity::warning), Contains("data.anew"));
}

TEST(Cases, LabelsInATableOfAChangedFunctionLeadIntoTheNewCode) {
    auto text = [](const char* step) {
        return std::string("int a(int op) { static const void *const tab[] = { &&x, &&y, &&z };\n"
                           "int r = 0; goto *tab[op % 3u];\n"
                           "x: r = op * 5; outside(1); return r + 1;\n"
                           "y: r = op + ")
               + step + "; outside(2); return r;\nz: return -1; }";
    };
    Diff d(text("3"), text("4"));
    EXPECT_THAT(d.replaced(), ElementsAre("a"));
    EXPECT_THAT(d.names(Role::constant), Contains(testing::StartsWith("tab")));
}

TEST(Cases, TheEndOfATableIsNotItsNeighbour) {
    std::string before = walk, after = walk;
    before.replace(before.find("EXTRA"), 5, "");
    after.replace(after.find("EXTRA"), 5, "wraps++;");
    Diff d(ring + before, ring + "static long wraps rm = 1;\n" + after);
    EXPECT_THAT(d.replaced(), ElementsAre("a"));
    const Included* a = d.item("a");
    bool end = false;
    for (const atom::Reference& r : d.program().atom(a->place).references) {
        const Binding b = d.binder().bind(a->place.unit, r);
        end |= b.name == "unit.c#ring" && b.delta == 96;
    }
    EXPECT_TRUE(end);
}

TEST(Cases, AnAddressBeforeATablesStart) {
    auto text = [](const char* k) {
        return std::string("static int level[16];\n"
                           "void set(int i, int v) { level[i & 15] = v; }\n"
                           "int a(int n) { int s = ")
               + k + "; for (int i = n; i > 0; i--) s = s * 3 + level[i - 1]; return s; }";
    };
    Diff d(text("7"), text("8"));
    EXPECT_THAT(d.replaced(), ElementsAre("a"));
    EXPECT_THAT(d.codes(), IsEmpty());
}

TEST(Cases, AnImmediateBehindAByteThatLooksLikeAnOpcode) {
    auto text = [](const char* limit) {
        return std::string(
                   "static int hits;\nvoid count(int x) { hits += x; }\n"
                   "int a(int x) { asm volatile (\"cmpb $0x0f, %b0\" :: \"r\" (x) : \"cc\");"
                   "if ( hits == ")
               + limit + " ) return outside(1); return x; }";
    };
    Diff d(text("5"), text("6"));
    EXPECT_THAT(d.replaced(), ElementsAre("a"));
    EXPECT_THAT(d.codes(), IsEmpty());
}

TEST(Cases, AssemblyWithSizesIsAssemblyAllTheSame) {
    auto text = [](const char* more) {
        return std::string(".section .text.f, \"ax\", @progbits\n.globl f, inside\n"
                           ".type f, @function\nf: nop\nnop\ninside: ")
               + more + "\nnop\nnop\nnop\nret\n.size f, . - f\n";
    };
    Diff d(std::vector<Change>{{{text("nop"), "entry.S"}, {text("cld"), "entry.S"}, {}}});
    EXPECT_THAT(d.replaced(), IsEmpty());
    EXPECT_THAT(d.codes(), Contains("assembly.changed"));
}

TEST(Cases, AChangedConstantThatNobodyComparedReadsIsNotLost) {
    Diff d("const int table[] = { 1, 2 };\nint a(int x) { return outside(x); }",
           "const int table[] = { 1, 3 };\nint a(int x) { return outside(x) + 1; }");
    EXPECT_THAT(lost(d), ElementsAre("table"));
}

TEST(Cases, ANoteAccountsForNothing) {
    Diff d("const int table[] = { 1, 2 };\nint a(int x) { return outside(x); }",
           "const int table[] = { 1, 3 };\nint a(int x) { return outside(x) + 1; }");
    auto unsettled = [&](const Finding& said) {
        return account_for(d.program(), d.selection(), d.binder(), {said}).unsettled.size();
    };
    const Where where{d.program().units[0].name, "table", {}, 0};
    EXPECT_EQ(unsettled(note("some.note", "Of it.", {}, where)), 1U);
    EXPECT_EQ(unsettled(warning("some.warning", "Of it.", {}, where)), 0U);
}

TEST(Cases, AllIsAccountedFor) {
    Diff d("int a(int x) { return outside(x); }\nint b(int x) { return x; }",
           "static int fresh; int a(int x) { return outside(x) + ++fresh; }\n"
           "int b(int x) { return x; }");
    const Account account =
        account_for(d.program(), d.selection(), d.binder(), d.selection().findings);
    EXPECT_THAT(account.unsettled, IsEmpty());
    EXPECT_EQ(account.counts.at("function").at(Fate::replaced), 1U);
    EXPECT_EQ(account.counts.at("function").at(Fate::same), 1U);
    EXPECT_EQ(account.counts.at("datum").at(Fate::carried), 1U);
}

} // namespace xlp::diff::test
