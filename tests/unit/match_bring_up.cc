// SPDX-License-Identifier: GPL-2.0-only
// Code that runs only when a CPU comes up.
#include "match_tiny_xen.h"
#include "payload/match/bring_up.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace xlp::match::test {

using testing::ElementsAre;
using testing::IsEmpty;

namespace {

constexpr std::string_view common = R"(
#define noinline __attribute__((__noinline__, __noipa__, __used__))
noinline int work(int x) { return x * 3; }
)";

class BringUp : public testing::Test {
protected:
    // Those of the functions, in a hypervisor of this text, that run at bring-up only.
    std::map<std::string, std::string> found(const std::string& text,
                                             const std::vector<std::string>& functions) {
        const xen::Image image = tiny_.link({{std::string(common) + text}});
        std::vector<Site> sites;
        for (const std::string& f : functions)
            sites.push_back({f, image.resolve(f).value(), 16});
        return bring_up_only(image, sites, disassembler_);
    }

    TinyXen tiny_;
    disasm::Disassembler disassembler_;
};

} // namespace

TEST_F(BringUp, TableOfACpuVendor) {
    EXPECT_THAT(
        found("noinline int init_one(int x) { return work(x); }\n"
              "int (*const one_cpu_dev[])(int) = { init_one };",
              {"init_one", "work"}),
        ElementsAre(testing::Pair("init_one", "one_cpu_dev"), testing::Pair("work", "init_one")));
}

TEST_F(BringUp, CalledByTheStartOfACpuAndByBootCode) {
    EXPECT_THAT(found("noinline int middle(int x) { return work(x) + 1; }\n"
                      "noinline int start_secondary(int x) { return middle(x) + 2; }\n"
                      "__attribute__((__section__(\".init.text\"))) noinline int boot(int x)\n"
                      "{ return middle(x) + work(x); }",
                      {"work"}),
                ElementsAre(testing::Pair("work", testing::_)));
}

TEST_F(BringUp, OneOtherCallerIsEnough) {
    EXPECT_THAT(found("noinline int start_secondary(int x) { return work(x) + 2; }\n"
                      "noinline int hypercall(int x) { return work(x) + 1; }\n"
                      "int (*const table[])(int) = { hypercall };",
                      {"work"}),
                IsEmpty());
}

TEST_F(BringUp, AnAddressThatBootCodeTakesGoesAnywhere) {
    EXPECT_THAT(found("int (*handler)(int);\n"
                      "__attribute__((__section__(\".init.text\"))) noinline void boot(void)\n"
                      "{ handler = work; }",
                      {"work"}),
                IsEmpty());
}

TEST_F(BringUp, NoWaySeenIsNoAnswer) {
    EXPECT_THAT(found("", {"work"}), IsEmpty());
}

TEST_F(BringUp, FunctionsThatCallEachOtherEnd) {
    EXPECT_THAT(found("noinline int odd(int);\n"
                      "noinline int even(int x) { return x ? odd(x - 1) + work(x) : 1; }\n"
                      "noinline int odd(int x) { return x ? even(x - 1) + 1 : 0; }\n"
                      "int (*const one_cpu_dev[])(int) = { odd };",
                      {"work", "even"}),
                ElementsAre(testing::Pair("even", testing::_), testing::Pair("work", "even")));
}

} // namespace xlp::match::test
