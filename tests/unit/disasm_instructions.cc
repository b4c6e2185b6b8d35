// SPDX-License-Identifier: GPL-2.0-only
#include "payload/base/bytes.h"
#include "payload/disasm/disasm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <numeric>
#include <random>

namespace xlp::disasm {
namespace {

using Bytes = std::vector<std::uint8_t>;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::uint64_t base = 0xffff82d040201000;

TEST(Disasm, DirectBranches) {
    const Disassembler d;
    const Bytes call = {0xe8, 0x10, 0x00, 0x00, 0x00}, near = {0x0f, 0x84, 0xf0, 0xff, 0xff, 0xff},
                brief = {0xeb, 0xfe}, loop = {0xe2, 0x02};
    const auto c = d.one(call, base);
    EXPECT_EQ(c.flow, Flow::call);
    EXPECT_EQ(c.target, base + 0x15);
    EXPECT_EQ(c.immediate.offset, 1);
    EXPECT_EQ(c.immediate.size, 4);
    EXPECT_EQ(d.one(near, base).flow, Flow::conditional);
    EXPECT_EQ(d.one(near, base).target, base - 10);
    EXPECT_EQ(d.one(brief, base).flow, Flow::jump);
    EXPECT_EQ(d.one(brief, base).target, base);
    EXPECT_EQ(d.one(brief, base).immediate.size, 1);
    EXPECT_EQ(d.one(loop, base).flow, Flow::conditional);
    EXPECT_EQ(d.one(loop, base).target, base + 4);
}

TEST(Disasm, IndirectBranches) {
    const Disassembler d;
    const Bytes slot = {0xff, 0x15, 0x00, 0x01, 0x00, 0x00}, reg = {0xff, 0xe0}, ret = {0xc3};
    const auto call = d.one(slot, base);
    EXPECT_EQ(call.flow, Flow::call);
    EXPECT_TRUE(call.indirect);
    EXPECT_FALSE(call.target);
    EXPECT_EQ(call.memory, base + 6 + 0x100);
    EXPECT_TRUE(d.one(reg, base).indirect);
    EXPECT_EQ(d.one(reg, base).flow, Flow::jump);
    EXPECT_EQ(d.one(ret, base).flow, Flow::ret);
}

TEST(Disasm, OperandBeforeAnImmediate) {
    // cmpl $0x11223344, 0x20(%rip)
    const Bytes code = {0x81, 0x3d, 0x20, 0, 0, 0, 0x44, 0x33, 0x22, 0x11};
    const auto i = Disassembler().one(code, base);
    EXPECT_EQ(i.memory, base + code.size() + 0x20);
    EXPECT_EQ(i.displacement.offset, 2);
    EXPECT_EQ(i.immediate.offset, 6);
    EXPECT_EQ(i.flow, Flow::next);
}

struct Odd {
    Bytes code;
    const char* text;
    Flow flow = Flow::next;
};

// Encodings from Intel's SDM; each is followed by a `ret` that must come out as such.
class DisasmOdd : public testing::TestWithParam<Odd> {};

TEST_P(DisasmOdd, HasItsNameAndSize) {
    Bytes code = GetParam().code;
    code.push_back(0xc3);
    const auto all = Disassembler().all(code, base);
    ASSERT_EQ(all.size(), 2u);
    EXPECT_THAT(all[0].text, StartsWith(GetParam().text));
    EXPECT_EQ(all[0].flow, GetParam().flow);
    EXPECT_EQ(all[1].flow, Flow::ret);
}

INSTANTIATE_TEST_SUITE_P(
    Instructions, DisasmOdd,
    testing::Values(
        Odd{{0xf3, 0x0f, 0x1e, 0xfa}, "endbr64"}, Odd{{0xf3, 0x48, 0x0f, 0x1e, 0xc8}, "rdssp %rax"},
        Odd{{0xf3, 0x48, 0x0f, 0xae, 0xe9}, "incssp %rcx"},
        Odd{{0xf3, 0x0f, 0x01, 0xe8}, "setssbsy"}, Odd{{0xf3, 0x0f, 0x01, 0xea}, "saveprevssp"},
        Odd{{0xf3, 0x0f, 0x01, 0x28}, "rstorssp"}, Odd{{0xf3, 0x0f, 0xae, 0x30}, "clrssbsy"},
        Odd{{0x48, 0x0f, 0x38, 0xf6, 0x07}, "wrss"},
        Odd{{0x66, 0x48, 0x0f, 0x38, 0xf5, 0x44, 0x24, 0x08}, "wruss"},
        Odd{{0x0f, 0x01, 0xee}, "rdpkru"}, Odd{{0x0f, 0x01, 0xef}, "wrpkru"},
        Odd{{0x0f, 0x01, 0xe8}, "serialize"}, Odd{{0x0f, 0x01, 0xc6}, "wrmsrns"},
        Odd{{0xf2, 0x0f, 0x00, 0xf0}, "lkgs"}, Odd{{0xf3, 0x0f, 0x09}, "wbnoinvd"},
        Odd{{0xf3, 0x41, 0x0f, 0xc7, 0xf8}, "rdpid %r8"},
        Odd{{0x0f, 0xff, 0xff}, "ud0", Flow::stop},
        Odd{{0x0f, 0xb9, 0x04, 0x25, 1, 2, 3, 4}, "ud1", Flow::stop},
        Odd{{0xd6}, "udb", Flow::stop},
        Odd{{0x3e, 0x41, 0xff, 0xe3}, "notrack jmp *%r11", Flow::jump},
        Odd{{0x0f, 0x0b}, "ud2", Flow::stop}, Odd{{0x0f, 0x01, 0xca}, "clac"},
        Odd{{0x0f, 0xae, 0xe8}, "lfence"}));

TEST(Disasm, PlainInstructionsAreNotTakenForOddOnes) {
    const Disassembler d;
    const Bytes fence = {0x0f, 0xae, 0xf0}, wbinvd = {0x0f, 0x09},
                adx = {0xf3, 0x0f, 0x38, 0xf6, 0xc1};
    EXPECT_EQ(d.one(fence, base).text, "mfence");
    EXPECT_EQ(d.one(wbinvd, base).text, "wbinvd");
    EXPECT_THAT(d.one(adx, base).text, HasSubstr("adox"));
}

TEST(Disasm, WhatCannotBeReadIsData) {
    const Bytes code = {0x06, 0xc3};
    const auto all = Disassembler().all(code, base);
    ASSERT_EQ(all.size(), 2u);
    EXPECT_TRUE(all[0].data);
    EXPECT_EQ(all[0].text, ".byte 0x06");
    EXPECT_EQ(all[1].flow, Flow::ret);
}

TEST(Disasm, AnyBytesAreCoveredExactly) {
    std::mt19937 random(4171);
    const Disassembler d;
    for (int round = 0; round < 300; ++round) {
        Bytes code(1 + random() % 200);
        for (auto& b : code)
            b = static_cast<std::uint8_t>(random());
        std::uint64_t at = base;
        for (const Instruction& i : d.all(code, base)) {
            EXPECT_EQ(i.address, at);
            EXPECT_FALSE(i.text.empty());
            ASSERT_FALSE(i.bytes.empty());
            EXPECT_LE(std::size_t{i.immediate.offset} + i.immediate.size, i.bytes.size());
            at = i.end();
        }
        EXPECT_EQ(at, base + code.size());
    }
}

TEST(Disasm, MovesKeepWorking) {
    Disassembler a;
    Disassembler b = std::move(a);
    const Bytes code = {0xc3};
    EXPECT_EQ(b.one(code, base).flow, Flow::ret);
    a = std::move(b);
    EXPECT_EQ(a.one(code, base).flow, Flow::ret);
}

} // namespace
} // namespace xlp::disasm
