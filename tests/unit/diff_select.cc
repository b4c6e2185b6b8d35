// SPDX-License-Identifier: GPL-2.0-only
// What goes into a payload, and what forbids one.
#include "diff_pair.h"

namespace xlp::diff::test {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

TEST(Select, OnlyWhatChanged) {
    Diff d("int a(int x) { return outside(x) + 1; }\nint b(int x) { return outside(x) + 2; }",
           "int a(int x) { return outside(x) + 5; }\nint b(int x) { return outside(x) + 2; }");
    EXPECT_THAT(d.replaced(), ElementsAre("a"));
    EXPECT_THAT(d.codes(), IsEmpty());
    EXPECT_THAT(d.bound("a"), Contains("outside"));
    EXPECT_EQ(d.item("a")->old_name, "a");
    EXPECT_EQ(d.item("a")->old_address, *d.image().resolve("a"));
}

TEST(Select, NothingChangedIsARefusal) {
    Diff d("int a(int x) { return outside(x); }",
           "/* words */ int a(int x) { return outside(x); }");
    EXPECT_THAT(d.replaced(), IsEmpty());
    EXPECT_THAT(d.codes(), ElementsAre("select.nothing-changed"));
}

TEST(Select, NewFunctionComesAlongAndUnchangedOneStays) {
    Diff d("static noinline int keep(int x) { return outside(x); }\n"
           "int a(int x) { return keep(x); }",
           "static noinline int keep(int x) { return outside(x); }\n"
           "static noinline int fresh(int x) { return outside(x) ^ keep(x); }\n"
           "int a(int x) { return keep(x) + fresh(x); }");
    EXPECT_THAT(d.replaced(), ElementsAre("a"));
    EXPECT_THAT(d.names(Role::addition), ElementsAre("fresh"));
    EXPECT_THAT(d.bound("a"), Contains("unit.c#keep"));
}

TEST(Select, ReasonsFormAChain) {
    Diff d("int a(int x) { return outside(x); }",
           "static noinline int deep(int x) { return outside(x) * 7; }\n"
           "static noinline int fresh(int x) { return deep(x) + outside(x + 1); }\n"
           "int a(int x) { return fresh(x) + outside(x); }");
    const Included* deep = d.item("deep");
    ASSERT_TRUE(deep && deep->because >= 0);
    const Included& by = d.selection().items[static_cast<std::size_t>(deep->because)];
    EXPECT_EQ(d.program().atom(by.place).name, "fresh");
    ASSERT_GE(by.because, 0);
    EXPECT_EQ(
        d.program().atom(d.selection().items[static_cast<std::size_t>(by.because)].place).name,
        "a");
}

TEST(Select, TheAddressOfAChangedFunctionStaysTheOldOne) {
    Diff d("int a(int x) { return outside(x); }\ntypedef int fn(int);\n"
           "fn *get(int x) { return x ? a : outside; }\nint call(int x) { return a(x) + 1; }",
           "int a(int x) { return outside(x) + 4; }\ntypedef int fn(int);\n"
           "fn *get(int x) { outside(x); return x ? a : outside; }\n"
           "int call(int x) { return a(x) + 2; }");
    EXPECT_THAT(d.replaced(), ElementsAre("a", "call", "get"));
    EXPECT_THAT(d.bound("get"), Contains("a"));
    EXPECT_THAT(d.bound("call"), Not(Contains("a"))); // called in the payload
}

TEST(Select, ColdPartGoesWithItsFunction) {
    const std::string before = "int a(int *p) { int y = outside(p[0]); if (y == 5) { die(p[1]); "
                               "die(2); y = outside(p[2]); die(p[2]); y += p[9]; } return y; }";
    std::string after = before;
    after.replace(after.find("die(2)"), 6, "die(9)");
    Diff d(before, after);
    EXPECT_THAT(d.replaced(), ElementsAre("a"));
    EXPECT_THAT(d.names(Role::companion), ElementsAre("a.cold"));
}

TEST(Select, NewVariableIsCarriedWithANote) {
    Diff d("int a(int x) { return outside(x); }",
           "static int seen;\nint a(int x) { seen += x; return outside(x) + seen; }");
    EXPECT_THAT(d.names(Role::new_data), ElementsAre("seen"));
    EXPECT_THAT(d.codes(Severity::note), Contains("data.new"));
    EXPECT_THAT(d.codes(), IsEmpty());
}

TEST(Select, NewPerCpuVariableIsRefused) {
    Diff d("int a(int x) { return outside(x); }",
           "percpu int per_cpu__fresh;\nint a(int x) { per_cpu__fresh += x; return outside(x); }");
    EXPECT_THAT(d.codes(), ElementsAre("data.per-cpu-new"));
}

TEST(Select, ChangedInitialValueIsRefused) {
    Diff d("int limit = 5;\nint a(int x) { return x < limit; }",
           "int limit = 6;\nint a(int x) { return x < limit; }");
    EXPECT_THAT(d.codes(), Contains("data.changed"));
}

TEST(Select, ReadersOfAChangedTableAreReplacedToo) {
    const std::string reader = "int a(unsigned int i) { return table[i & 3]; }\n"
                               "int b(int i) { return outside(i); }";
    Diff d("static const int table[4] = { 1, 2, 3, 4 };\n" + reader,
           "static const int table[4] = { 1, 2, 3, 9 };\n" + reader);
    EXPECT_THAT(d.replaced(), ElementsAre("a"));
    EXPECT_THAT(d.names(Role::constant), ElementsAre("table"));
    EXPECT_THAT(d.codes(), IsEmpty());
}

TEST(Select, DataThatPointsToAChangedTableIsRefused) {
    const std::string rest = "const int *current = table;\nint a(int i) { return current[i]; }";
    Diff d("static const int table[4] = { 1, 2, 3, 4 };\n" + rest,
           "static const int table[4] = { 1, 2, 3, 9 };\n" + rest);
    EXPECT_THAT(d.codes(), Contains("data.points-to-changed"));
}

TEST(Select, BootCodeAloneIsRefusedAndBesideOtherCodeItIsTheMissingHalf) {
    const std::string boot = "__init int start(int x) { return outside(x) + 1; }\n";
    const std::string changed_boot = "__init int start(int x) { return outside(x) + 2; }\n";
    Diff alone(boot + "int a(int x) { return x; }", changed_boot + "int a(int x) { return x; }");
    EXPECT_THAT(alone.codes(), ElementsAre("init.only"));
    Diff half(boot + "int a(int x) { return outside(x); }",
              changed_boot + "int a(int x) { return outside(x) + 1; }");
    EXPECT_THAT(half.codes(), ElementsAre("init.half")) << "half a fix is no fix";
    EXPECT_THAT(half.replaced(), ElementsAre("a"));
}

TEST(Select, NewReferenceToBootDataIsRefused) {
    const std::string data = "__initdata int early = 3;\n";
    Diff d(data + "int a(int x) { return outside(x); }",
           data + "int a(int x) { return outside(x) + early; }");
    EXPECT_THAT(d.codes(), ElementsAre("select.init-reference"));
}

TEST(Select, ChangedAssemblyIsRefused) {
    const std::string text = ".text\n.globl entry\nentry: mov $1, %eax\n ret\n";
    std::string changed = text;
    changed.replace(changed.find("$1"), 2, "$2");
    Diff d(std::vector<Change>{{Source{text, "entry.S"}, Source{changed, "entry.S"}, {}}});
    EXPECT_THAT(d.codes(), Contains("assembly.changed"));
    auto boot_code = [](std::string s) {
        return Source{s.replace(0, 5, ".section .init.text,\"ax\""), "entry.S"};
    };
    Diff boot(std::vector<Change>{{boot_code(text), boot_code(changed), {}}});
    EXPECT_THAT(boot.codes(), ElementsAre("init.only"));
}

TEST(Select, FunctionLeftOutKeepsItsOldCodeAndIsCalledThere) {
    auto text = [](const char* n) {
        return std::string("static noinline int inner(int x) { return outside(x) + ") + n
               + "; }\nint a(int x) { return inner(x) * " + n + "; }";
    };
    const std::vector<Change> change{{source(text("3")), source(text("5")), {}}};
    EXPECT_THAT(Diff(change).replaced(), ElementsAre("a", "inner"));
    Diff without(change, {"unit.c#inner"});
    EXPECT_THAT(without.replaced(), ElementsAre("a"));
    EXPECT_THAT(without.bound("a"), Contains("unit.c#inner"));
    EXPECT_THAT(without.codes(Severity::warning), ElementsAre("select.left-out"));
    EXPECT_THAT(without.codes(), IsEmpty());
    EXPECT_THAT(Diff(change, {"outside"}).codes(), ElementsAre("select.left-out"))
        << "it does not change";
    EXPECT_THAT(Diff(change, {"inner", "a"}).codes(), ElementsAre("select.nothing-changed"));
}

TEST(Select, FunctionThatMovedToAnotherFileIsNotNew) {
    Diff d(std::vector<Change>{
        {source("int moved(int x) { return outside(x) * 5; }\nint stays(int x) { return x; }",
                "one.c"),
         source("int stays(int x) { return x; }", "one.c"),
         {}},
        {source("int user(int x) { extern int moved(int); return moved(x) + 1; }", "two.c"),
         source("int moved(int x) { return outside(x) * 5; }\n"
                "int user(int x) { return outside(x) - 1; }",
                "two.c"),
         {}}});
    EXPECT_THAT(d.replaced(), ElementsAre("user"));
    EXPECT_THAT(d.names(Role::addition), IsEmpty());
}

TEST(Select, UnitOfItsOwnBringsNewFunctions) {
    Diff d(std::vector<Change>{
        {source("", "fresh.c"),
         source("int fresh(int x) { return outside(x) + 8; }", "fresh.c"),
         {}},
        {source("int a(int x) { return outside(x); }", "old.c"),
         source("extern int fresh(int);\nint a(int x) { return fresh(x); }", "old.c"),
         {}}});
    EXPECT_THAT(d.replaced(), ElementsAre("a"));
    EXPECT_THAT(d.names(Role::addition), ElementsAre("fresh"));
    EXPECT_THAT(d.codes(), IsEmpty());
}

TEST(Select, StaticsOfEqualNameInDifferentFiles) {
    const std::string same = "static noinline int helper(int x) { return outside(x); }\n";
    Diff d(std::vector<Change>{{source(same + "int a(int x) { return helper(x); }", "one.c"),
                                source(same + "int a(int x) { return helper(x) + 1; }", "one.c"),
                                {}},
                               {source(same + "int b(int x) { return helper(x); }", "two.c"),
                                source(same + "int b(int x) { return helper(x) + 1; }", "two.c"),
                                {}}});
    EXPECT_THAT(d.bound("a"), Contains("one.c#helper"));
    EXPECT_THAT(d.bound("b"), Contains("two.c#helper"));
}

TEST(Select, HookComesAlong) {
    Diff d("int a(int x) { return x; }",
           "int a(int x) { return x; }\nstatic noinline void fix(void) { outside(1); }\n"
           "__attribute__((section(\".livepatch.hooks.load\"), used)) "
           "static void (*const load_hook)(void) = fix;");
    EXPECT_EQ(d.selection().hooks.size(), 1U);
    EXPECT_THAT(d.names(Role::addition), ElementsAre("fix"));
    EXPECT_THAT(d.codes(), IsEmpty());
}

TEST(Select, EntryOfABootTimeArrayIsReachedByItsName) {
    auto entries = [](std::string first) {
        return "#define entry __attribute__((__section__(\".data.paramhypfs\"), __used__)) static "
               "int\n"
               "entry first[4] = {"
               + first + "}; entry second[4] = {2};\n";
    };
    const std::string add = "int a(int x) { return outside(x) + second[1]++; }",
                      subtract = "int a(int x) { return outside(x) - second[1]++; }";
    Diff d(entries("1") + add, entries("1") + subtract);
    EXPECT_THAT(d.codes(), IsEmpty());
    EXPECT_THAT(d.bound("a"), Contains("unit.c#second"));
    Diff changed(entries("1") + add, entries("9") + subtract);
    EXPECT_THAT(changed.codes(), ElementsAre("init.half"));
}

TEST(Select, HookThatWaitsForCpusThatStandStillIsRefused) {
    const std::string code = "int a(int x) { return outside(x); }\n";
    auto hook = [&](const std::string& kind) {
        return code
               + "extern void on_selected_cpus(int);\n"
                 "static noinline void spread(int x) { on_selected_cpus(outside(x)); }\n"
                 "static noinline void hook(void) { spread(1); outside(2); }\n"
                 "__attribute__((__section__(\".livepatch.hooks."
               + kind + "\"), __used__)) static void (*const entry)(void) = hook;";
    };
    // what the hypervisor lacks is refused too
    EXPECT_THAT(Diff(code, hook("load")).codes(), Contains("hooks.waits"));
    EXPECT_THAT(Diff(code, hook("unload")).codes(), Contains("hooks.waits"));
    EXPECT_THAT(Diff(code, hook("postapply")).codes(), Not(Contains("hooks.waits")));
}

TEST(Select, PaddingBehindAShortFunctionIsRoomForAJump) {
    const std::string next = "int next(int x) { return outside(x); }";
    Diff d("int tiny(int x) { return x * 1; }\n" + next,
           "int tiny(int x) { return x * 3; }\n" + next);
    EXPECT_THAT(d.codes(), IsEmpty());
    EXPECT_THAT(d.replaced(), ElementsAre("tiny"));
    EXPECT_LT(d.program().twin(d.item("tiny")->place)->size, 5U);
    EXPECT_EQ(d.item("tiny")->old_size, 5U);
}

// Compiled without alignment, so that there is no padding for a jump to be put into either.
class TooShort : public testing::Test {
protected:
    Diff change(const std::string& rest) {
        const std::string tiny =
            "__attribute__((__noipa__)) int tiny(int x) { return x RESULT; }\n";
        auto text = [&](std::string result) {
            Source s = source("#define RESULT " + result + "\n" + tiny + rest);
            s.flags += " -Os";
            return s;
        };
        return Diff(std::vector<Change>{{text("* 1"), text("* 3")}});
    }
};

TEST_F(TooShort, ItsCallersAreReplacedInItsPlace) {
    const Diff d = change("int a(int x) { return tiny(x) + outside(x); }\n"
                          "int b(int x) { return outside(x); }");
    EXPECT_THAT(d.codes(), IsEmpty());
    EXPECT_THAT(d.replaced(), ElementsAre("a"));
    EXPECT_THAT(d.names(Role::addition), ElementsAre("tiny"));
    EXPECT_EQ(d.item("tiny")->old_address, *d.image().resolve("tiny"));
    EXPECT_THAT(d.bound("a"), ElementsAre("outside"));
    const Included* a = d.item("a");
    ASSERT_GE(a->because, 0);
    EXPECT_EQ(&d.selection().items[static_cast<std::size_t>(a->because)], d.item("tiny"));
}

TEST_F(TooShort, AnAddressThatIsKeptIsRefused) {
    const Diff d = change("int a(int x) { return tiny(x) + outside(x); }\n"
                          "int (*kept)(int) = tiny;");
    EXPECT_THAT(d.codes(), ElementsAre("select.too-short"));
}

} // namespace xlp::diff::test
