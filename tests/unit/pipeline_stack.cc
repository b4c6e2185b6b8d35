// SPDX-License-Identifier: GPL-2.0-only
// Payloads on top of payloads: what is built against code and data that another payload brought.
#include "diff_pair.h"
#include "payload/pipeline/passes.h"
#include "payload/pipeline/stack.h"

#include <deque>
#include <gmock/gmock.h>

namespace xlp::pipeline {
namespace {

using diff::Role;
using diff::test::source;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

// The source of the hypervisor, and how each payload changes it.
class Chain {
public:
    // `unsplit`: the hypervisor is built without a section for each function, as up to 4.16.
    explicit Chain(const std::string& before, bool unsplit = false)
        : now_(before), unsplit_(unsplit) {
        image_ = tiny_.link({{"int outside(int x) { return x * 3; } int do_xen_version(void) "
                              "{ return 7; } void die(int x) { outside(x); }",
                              "outside.c"},
                             compiled(before, unsplit)});
    }

    // Builds a payload that changes the source to `after`. Gives the codes of the errors.
    std::vector<std::string> grow(const std::string& after) { return grow(after, now_); }
    // The same from a source that need not be what the payloads below made of it.
    std::vector<std::string> grow(const std::string& after, const std::string& original) {
        auto stack = Stack::on(image_, below_);
        EXPECT_TRUE(stack);
        stacks_.push_back(std::move(*stack));
        Options options;
        options.name = "p" + std::to_string(below_.size());
        options.stack = &stacks_.back();
        top_ = std::make_unique<Context>(std::vector<ObjectPair>{}, stacks_.back().running(),
                                         std::move(options));
        diff::Unit u;
        u.name = u.source = "unit.c";
        u.original = std::move(*tiny_.compile(source(original)));
        u.patched = std::move(*tiny_.compile(source(after)));
        top_->program.units.push_back(std::move(u));
        std::vector<std::string> codes;
        for (auto pass : {compare, match_originals, select})
            EXPECT_TRUE(pass(*top_));
        for (const Need& need : top_->needs)
            if (unsplit_ && need.kind == Need::Kind::whole_sections)
                top_->supplied.emplace(need, std::move(*tiny_.compile(compiled(original, true))));
        for (auto pass : {check_old_code, check_trampolines, check_callers, check_readers, account,
                          judge, emit_payload, load_payload})
            if (auto ok = pass(*top_); !ok) {
                for (const Finding& f : ok.error())
                    if (f.severity == Severity::error)
                        codes.push_back(f.code);
                return codes;
            }
        for (const Finding& f : top_->findings)
            if (f.severity == Severity::error)
                codes.push_back(f.code);
        if (codes.empty())
            below_.push_back({top_->options.name, top_->payload.bytes});
        now_ = after;
        return codes;
    }

    const load::Loaded& loaded() const { return *top_->verdict.loaded; }
    // What the topmost payload replaces and brings, by role.
    std::vector<std::string> names(Role role) const {
        std::vector<std::string> list;
        for (const diff::Included& i : top_->selection.items)
            if (i.role == role)
                list.push_back(role == Role::replacement ? i.old_name
                                                         : top_->program.atom(i.place).label());
        std::sort(list.begin(), list.end());
        return list;
    }
    // Symbols that the topmost payload takes from those below.
    std::vector<std::string> borrowed() const {
        std::vector<std::string> list;
        for (const load::ResolvedSymbol& s : loaded().symbols)
            if (s.origin == load::Origin::other_payload)
                list.push_back(s.other + ":" + std::string(xen::unmarked_name(s.name)));
        return list;
    }
    const xen::Image& image() const { return image_; }
    const std::vector<PayloadFile>& below() const { return below_; }

private:
    static match::test::Source compiled(const std::string& text, bool unsplit) {
        match::test::Source s = source(text);
        if (unsplit)
            s.flags = match::test::unsplit_flags;
        return s;
    }

    match::test::TinyXen tiny_;
    xen::Image image_;
    std::string now_;
    bool unsplit_;
    std::vector<PayloadFile> below_;
    std::deque<Stack> stacks_;
    std::unique_ptr<Context> top_;
};

const std::string plain = "int f(int x) { return outside(x) + 1; }\n"
                          "int g(int x) { return outside(x) * 5; }\n";

} // namespace

TEST(PipelineStack, WhatWasReplacedIsReplacedAgain) {
    Chain chain(plain);
    ASSERT_THAT(chain.grow("int f(int x) { return outside(x) + 2; }\n"
                           "int g(int x) { return outside(x) * 5; }\n"),
                IsEmpty());
    const elf::BuildId first = chain.loaded().build_id;
    ASSERT_THAT(chain.grow("int f(int x) { return outside(x) + 3; }\n"
                           "int g(int x) { return outside(x) * 5; }\n"),
                IsEmpty());
    EXPECT_EQ(chain.loaded().depends, first);
    ASSERT_EQ(chain.loaded().functions.size(), 1U);
    const load::FunctionRecord& f = chain.loaded().functions[0];
    EXPECT_EQ(f.old_address, chain.image().resolve("f"));
    // of what is there just the jump is known, not where it leads
    EXPECT_TRUE(f.expect.enabled);
    EXPECT_EQ(f.expect.length, 1);
    EXPECT_EQ(f.expect.data[0], 0xe9);
    ASSERT_EQ(f.replaced[0], 0xe9);
}

// Calls within such a section have no relocations: of what a payload below brought only a compile
// with a section for each function can tell.
TEST(PipelineStack, WhereFunctionsShareASection) {
    const auto text = [](const char* f, const char* likely) {
        return "static noinline int h(int x) { return outside(x) + 4; }\n"
               "int f(int x) { return h(x) + "
               + std::string(f)
               + "; }\n"
                 "int likely(int x)\n{\n"
                 "    asm volatile (\"test %0, %0\\n jz 1f\\n2:\\n\"\n"
                 "                  \".subsection 1\\n1: mov $1, %0\\n jmp 2b\\n.previous\"\n"
                 "                  : \"+r\" (x));\n"
                 "    return h(x) + "
               + likely
               + ";\n}\n"
                 "void filler(void) { asm volatile (\".skip 300, 0x90\"); }\n";
    };
    Chain chain(text("1", "1"), true);
    ASSERT_THAT(chain.grow(text("2", "1")), IsEmpty());
    ASSERT_THAT(chain.grow(text("3", "2")), IsEmpty());
    EXPECT_THAT(chain.names(Role::replacement), ElementsAre("f", "likely"));
}

// The records of a payload below hold addresses of what it replaced, and are no calls of it.
TEST(PipelineStack, RecordsOfThePayloadBelowReferToNothing) {
    Chain chain(plain);
    ASSERT_THAT(chain.grow("int f(int x) { return outside(x) + 2; }\n"
                           "int g(int x) { return outside(x) * 5; }\n"),
                IsEmpty());
    auto stack = Stack::on(chain.image(), chain.below());
    ASSERT_TRUE(stack);
    std::size_t records = 0;
    for (const load::PlacedSection& s : chain.loaded().sections) {
        records += s.name == ".livepatch.funcs";
        EXPECT_EQ(stack->running().section_at(s.address) == nullptr, s.name == ".livepatch.funcs")
            << s.name;
    }
    EXPECT_EQ(records, 1U);
}

TEST(PipelineStack, AFunctionAndAVariableOfThePayloadBelow) {
    const auto text = [](const char* how) {
        return "static int seen = 3;\n"
               "static noinline int mine(int x) { return outside(x) + seen++"
               + std::string(how)
               + "; }\n"
                 "int f(int x) { return mine(x) + 1; }\n"
                 "int g(int x) { return outside(x) * 5; }\n";
    };
    Chain chain(plain);
    ASSERT_THAT(chain.grow(text("")), IsEmpty());
    // what only the payload below has is replaced in it, and its variable goes on
    ASSERT_THAT(chain.grow(text(" * 2")), IsEmpty());
    EXPECT_THAT(chain.names(Role::replacement), ElementsAre(StartsWith("unit.c#mine~")));
    EXPECT_THAT(chain.names(Role::new_data), IsEmpty());
    EXPECT_THAT(chain.borrowed(),
                testing::UnorderedElementsAre("p0:unit.c#mine", "p0:unit.c#seen"));
    EXPECT_FALSE(chain.loaded().functions[0].expect.enabled);
    // and again: both payloads below have it now
    ASSERT_THAT(chain.grow(text(" * 3")), IsEmpty());
    EXPECT_THAT(chain.borrowed(),
                testing::UnorderedElementsAre("p0:unit.c#mine", "p0:unit.c#seen"));
}

TEST(PipelineStack, AnotherFunctionCallsWhatThePayloadBelowBrought) {
    const std::string helper = "static noinline int mine(int x) { return outside(x) + 9; }\n"
                               "int f(int x) { return mine(x) + 1; }\n";
    Chain chain(plain);
    ASSERT_THAT(chain.grow(helper + "int g(int x) { return outside(x) * 5; }\n"), IsEmpty());
    ASSERT_THAT(chain.grow(helper + "int g(int x) { return mine(x) * 5; }\n"), IsEmpty());
    EXPECT_THAT(chain.names(Role::replacement), ElementsAre("g"));
    EXPECT_THAT(chain.names(Role::addition), IsEmpty());
    EXPECT_THAT(chain.borrowed(), ElementsAre("p0:unit.c#mine"));
}

TEST(PipelineStack, AConstantThatThePayloadBelowCarriesIsCarriedAgain) {
    const auto text = [](const char* table, const char* g) {
        return "static const int table[] = { " + std::string(table)
               + " };\n"
                 "int f(int x) { return outside(table[x & 3]) + 1; }\n"
                 "int g(int x) { return outside("
               + g + ") * 5; }\n";
    };
    Chain chain(text("1, 2, 3, 4", "x"));
    ASSERT_THAT(chain.grow(text("1, 2, 3, 5", "x")), IsEmpty());
    // the hypervisor's own table has the old contents still
    ASSERT_THAT(chain.grow(text("1, 2, 3, 5", "table[x & 1]")), IsEmpty());
    EXPECT_THAT(chain.names(Role::replacement), ElementsAre("g"));
    EXPECT_THAT(chain.names(Role::constant), ElementsAre("table"));
}

TEST(PipelineStack, ATableOfStringsThatThePayloadBelowCarriesIsCarriedAgain) {
    const auto text = [](const char* second, const char* g) {
        return "static const char *const names[] = { \"one\", \"" + std::string(second)
               + "\" };\n"
                 "int f(int x) { return outside(names[x & 1][0]) + 1; }\n"
                 "int g(int x) { return outside("
               + g + ") * 5; }\n";
    };
    Chain chain(text("two", "x"));
    ASSERT_THAT(chain.grow(text("six", "x")), IsEmpty());
    ASSERT_THAT(chain.grow(text("six", "names[x & 1][1]")), IsEmpty());
    EXPECT_THAT(chain.names(Role::replacement), ElementsAre("g"));
    EXPECT_THAT(chain.names(Role::constant), Contains("names"));
}

TEST(PipelineStack, AConstantThatNobodyChangedStaysWhereItIs) {
    const auto text = [](const char* f, const char* g) {
        return "static const int table[] = { 1, 2, 3, 4 };\n"
               "int f(int x) { return outside(table[x & 3]) + "
               + std::string(f) + "; }\nint g(int x) { return outside(table[x & 1]) * " + g
               + "; }\n";
    };
    Chain chain(text("1", "5"));
    ASSERT_THAT(chain.grow(text("2", "5")), IsEmpty());
    ASSERT_THAT(chain.grow(text("2", "6")), IsEmpty());
    EXPECT_THAT(chain.names(Role::constant), IsEmpty());
}

TEST(PipelineStack, AColdPartIsOfTheLatestCode) {
    const auto text = [](int n) {
        return "int f(int x) { if (x > " + std::to_string(n)
               + ") { die(x); die(1); } return outside(x) + 1; }\n"
                 "int g(int x) { return outside(x) * 5; }\n";
    };
    Chain chain(text(10));
    ASSERT_THAT(chain.grow(text(11)), IsEmpty());
    EXPECT_THAT(chain.names(Role::companion), Contains(HasSubstr("f.cold")));
    ASSERT_THAT(chain.grow(text(12)), IsEmpty());
}

TEST(PipelineStack, APayloadThatIsNotOfThatSourceIsNoticed) {
    const auto text = [](const char* f) {
        return "int f(int x) { return " + std::string(f)
               + "; }\nint g(int x) { return outside(x) * 5; }\n";
    };
    Chain chain(text("outside(x) + 1"));
    ASSERT_THAT(chain.grow(text("outside(x) ^ x")), IsEmpty());
    EXPECT_THAT(chain.grow(text("outside(-x)"), text("outside(outside(x))")),
                Contains("match.mismatch"));
    // the code from before it is not what runs, either
    EXPECT_THAT(chain.grow(text("outside(-x)"), text("outside(x) + 1")),
                Contains("match.mismatch"));
    EXPECT_THAT(chain.grow(text("outside(-x)"), text("outside(x) ^ x")), IsEmpty());
}

TEST(PipelineStack, APayloadBelowThatIsBadIsRefused) {
    Chain chain(plain);
    auto stack = Stack::on(chain.image(), {{"bad", Bytes(100)}});
    ASSERT_FALSE(stack);
    EXPECT_EQ(stack.error().back().code, "load.stack.below");
    EXPECT_GT(stack.error().size(), 1U);
}

} // namespace xlp::pipeline
