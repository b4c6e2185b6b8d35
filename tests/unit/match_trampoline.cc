// SPDX-License-Identifier: GPL-2.0-only
// Who enters a function in the middle, what is too short, and what boot rewrites.
#include "match_tiny_xen.h"
#include "payload/base/bytes.h"

#include "payload/match/expectation.h"
#include "payload/match/trampoline.h"
#include "payload/match/xrefs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace xlp::match::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// A function in assembly, 16-byte aligned, with its size.
std::string function(std::string name, std::string body, std::string section = ".text") {
    return ".section " + section + ",\"ax\",@progbits\n.p2align 4\n.globl " + name + "\n.type "
           + name + ",@function\n" + name + ":\n" + body + "\n.size " + name + ", . - " + name
           + "\n";
}

const std::string victim = function("victim", "nop; nop; nop; nop; nop; nop; xor %eax,%eax; ret");

class Trampoline : public testing::Test {
protected:
    void link(std::string text, xen::Version v = {4, 17, 5}) {
        image = tiny.link({{std::move(text), "unit.S", ""}}, v);
        tables = Tables::read(image);
    }
    std::vector<std::string> codes(std::vector<std::string> names) {
        std::vector<Site> sites;
        for (const std::string& n : names) {
            const xen::ImageSymbol* s = image.find(n).at(0);
            sites.push_back({n, s->address, s->size});
        }
        found = check_trampolines(image, tables, sites, disassembler);
        std::vector<std::string> result;
        for (const Finding& f : found)
            result.push_back(f.code);
        return result;
    }
    Address at(std::string_view name) { return image.resolve(name).value(); }
    std::optional<Bytes> expect(std::string_view name) {
        const xen::ImageSymbol* s = image.find(name).at(0);
        return expectation(image, tables, s->address, s->size);
    }

    TinyXen tiny;
    xen::Image image;
    Tables tables;
    disasm::Disassembler disassembler;
    Findings found;
};

TEST_F(Trampoline, ProperEntriesAreNoObstacle) {
    link(victim + function("caller", "call victim; lea victim(%rip),%rax; jmp victim")
         + ".data\n.quad victim\n");
    EXPECT_THAT(codes({"victim"}), IsEmpty());
}

TEST_F(Trampoline, BranchFromElsewhere) {
    link(victim + function("intruder", "test %eax,%eax; je victim+2; ret"));
    EXPECT_THAT(codes({"victim"}), ElementsAre("trampoline.entered-inside"));
    EXPECT_THAT(found[0].why, HasSubstr("je"));
    EXPECT_THAT(found[0].why, HasSubstr("intruder"));
    EXPECT_THAT(found[0].why, HasSubstr("+0x2"));
}

TEST_F(Trampoline, BranchBehindTheJumpIsFine) {
    link(victim + function("visitor", "jmp victim+5"));
    EXPECT_THAT(codes({"victim"}), IsEmpty());
}

TEST_F(Trampoline, ShortBranchFromANeighbour) {
    link(victim + function("neighbour", "nop; .byte 0xeb; .byte victim+3-1f; 1: ret"));
    EXPECT_THAT(codes({"victim"}), ElementsAre("trampoline.entered-inside"));
}

TEST_F(Trampoline, PointerInDataEvenUnaligned) {
    link(victim + ".data\n.byte 1\n.quad victim+4\n");
    EXPECT_THAT(codes({"victim"}), ElementsAre("trampoline.entered-inside"));
    EXPECT_THAT(found[0].why, HasSubstr("pointer"));
}

TEST_F(Trampoline, OperandWithAnImmediateBehindIt) {
    link(victim + function("reader", "cmpl $0x11223344, victim+1(%rip); ret"));
    EXPECT_THAT(codes({"victim"}), ElementsAre("trampoline.entered-inside"));
}

TEST_F(Trampoline, BytesThatOnlyLookLikeABranch) {
    // the second half of the constant is `call victim+2` for whoever does not decode
    link(victim + function("constant", "movabs $0, %rax; ret; 1:")
         + function(
             "poet",
             "mov $0,%ecx; .byte 0x48,0xb8,0x90,0x90,0xe8; .long victim+2-.-4; .byte 0; ret"));
    EXPECT_THAT(codes({"victim"}), IsEmpty());
}

TEST_F(Trampoline, ExceptionThatContinuesInside) {
    link(victim + function("faulty", "1: mov (%rdi),%eax; ret")
         + ".section .ex_table,\"a\"\n.long 1b - ., victim + 3 - .\n");
    EXPECT_THAT(codes({"victim"}), ElementsAre("trampoline.entered-inside"));
    EXPECT_THAT(found[0].why, HasSubstr("exception table"));
}

TEST_F(Trampoline, OwnLoopIsAWarning) {
    link(function("spin", "nop; 1: pause; jmp 1b; ret"));
    EXPECT_THAT(codes({"spin"}), ElementsAre("trampoline.own-branch"));
    EXPECT_EQ(found[0].severity, Severity::warning);
}

TEST_F(Trampoline, SwitchTableIntoTheStart) {
    link(function("sw", "nop; 1: nop; nop; nop; lea table(%rip),%rax; movslq (%rax,%rdi,4),%rdx;"
                        "add %rax,%rdx; jmp *%rdx; 2: ret")
         + ".section .rodata,\"a\"\ntable: .long 2b-table, 1b-table, 0x7fffffff\n");
    EXPECT_THAT(codes({"sw"}), ElementsAre("trampoline.own-branch"));
}

TEST_F(Trampoline, EndbrStaysAndMovesTheJump) {
    const std::string entry = function("entry", "endbr64; nop; nop; nop; nop; nop; nop; ret");
    link(entry + function("direct", "jmp entry+4"));
    EXPECT_EQ(jump_offset(image, at("entry")), 4u);
    EXPECT_THAT(codes({"entry"}), IsEmpty()); // as calls that skip ENDBR64
    link(entry + function("direct", "jmp entry+6"));
    EXPECT_THAT(codes({"entry"}), ElementsAre("trampoline.entered-inside"));
    link(entry + function("direct", "jmp entry+4"), {4, 13, 0}); // knows nothing of ENDBR64
    EXPECT_EQ(jump_offset(image, at("entry")), 0u);
    EXPECT_THAT(codes({"entry"}), ElementsAre("trampoline.entered-inside"));
}

TEST_F(Trampoline, ShortFunctions) {
    link(function("four", "xor %eax,%eax; inc %eax") + function("five", "mov $1,%eax")
         + function("endbr_eight", "endbr64; xor %eax,%eax; inc %eax")
         + function("endbr_nine", "endbr64; mov $1,%eax"));
    EXPECT_THAT(codes({"four"}), ElementsAre("trampoline.too-short"));
    EXPECT_THAT(codes({"five"}), IsEmpty());
    EXPECT_THAT(codes({"endbr_eight"}), ElementsAre("trampoline.too-short"));
    EXPECT_THAT(found[0].why, HasSubstr("8 bytes"));
    EXPECT_THAT(codes({"endbr_nine"}), IsEmpty());
}

TEST_F(Trampoline, PlacesThatCannotBePatched) {
    link(victim + function("boot", "nop; nop; nop; nop; nop; ret", ".init.text")
         + function("gate", "nop; nop; nop; nop; nop; ret", ".text.entry")
         + function("idle_loop", "nop; nop; nop; nop; nop; ret")
         + function("livepatch_quiesce", "nop; nop; nop; nop; nop; ret")
         + function("livepatch_op", "nop; nop; nop; nop; nop; ret")
         + function("mcheck_cmn_handler", "nop; nop; nop; nop; nop; ret"));
    EXPECT_THAT(codes({"boot"}), ElementsAre("trampoline.init"));
    EXPECT_THAT(codes({"gate"}), ElementsAre("trampoline.forbidden"));
    EXPECT_THAT(codes({"idle_loop"}), ElementsAre("trampoline.forbidden"));
    EXPECT_THAT(codes({"livepatch_quiesce"}), ElementsAre("trampoline.forbidden"));
    EXPECT_THAT(codes({"livepatch_op"}), IsEmpty()) << "it asks for the work, and is gone by then";
    EXPECT_THAT(codes({"mcheck_cmn_handler"}), IsEmpty()) << "the loader's model warns of it";
}

TEST_F(Trampoline, TwoTrampolinesInOnePlace) {
    link(function("outer",
                  "nop; nop; .globl inner; .type inner,@function; inner: nop; nop; nop; nop;"
                  "nop; nop; ret; .size inner, . - inner"));
    EXPECT_THAT(codes({"outer", "inner"}), testing::Contains("trampoline.overlap"));
}

// orig, replacement, feature, lengths and padding
std::string alternative(std::string orig, int length, int pad) {
    return ".section .altinstr_replacement,\"ax\"\n9: .skip " + std::to_string(length + pad)
           + ",0x90\n.section .altinstructions,\"a\"\n.long " + orig
           + " - ., 9b - .\n.word 17\n.byte " + std::to_string(length) + ","
           + std::to_string(length + pad) + "," + std::to_string(pad) + ",0\n";
}

TEST_F(Trampoline, ExpectationsStopBeforeWhatBootRewrites) {
    const std::string body = ".skip 40,0xcc; ret";
    link(function("plain", body) + function("brief", "xor %eax,%eax; ret")
         + function("patched", body) + function("early", body) + function("padding", body)
         + alternative("patched+7", 3, 0) + alternative("early", 2, 1)
         + alternative("padding-2", 2, 4));
    EXPECT_EQ(expect("plain")->size(), 31u);
    EXPECT_EQ(expect("brief")->size(), 3u);
    EXPECT_EQ(expect("patched")->size(), 7u);
    EXPECT_FALSE(expect("early"));
    EXPECT_FALSE(expect("padding")); // the padding of what lies before reaches into it
    EXPECT_THAT(*expect("brief"), ElementsAre(0x31, 0xc0, 0xc3));
}

TEST_F(Trampoline, ExpectationsLeaveOutEndbrThatMayBeSealed) {
    const std::string body = "endbr64; .skip 40,0xcc; ret";
    link(function("sealed", body) + function("open", body)
         + ".section .init.data.cf_clobber,\"a\"\n.quad sealed, 0, victim\n" + victim);
    EXPECT_FALSE(expect("sealed"));
    EXPECT_EQ(expect("open")->size(), 31u);
    EXPECT_EQ(tables.sealed.size(), 1u);
}

TEST_F(Trampoline, ExpectationsStopBeforeAlternativeCalls) {
    link(function("caller", "nop; nop; 1: call *slot(%rip); .skip 40,0xcc; ret")
             + ".section .alt_call_sites,\"a\"\n.long 1b - .\n.data\nslot: .quad 0\n",
         {4, 21, 0});
    EXPECT_EQ(expect("caller")->size(), 2u);
}

TEST_F(Trampoline, OldTablesHaveShorterEntries) {
    link(function("first", ".skip 40,0xcc") + function("second", ".skip 40,0xcc")
             + ".section .altinstr_replacement,\"ax\"\n9: nop; nop\n"
               ".section .altinstructions,\"a\"\n"
               ".long first+5 - ., 9b - .\n.word 17\n.byte 2,2\n"
               ".long second+9 - ., 9b - .\n.word 17\n.byte 2,2\n",
         {4, 10, 0});
    EXPECT_EQ(expect("first")->size(), 5u);
    EXPECT_EQ(expect("second")->size(), 9u);
}

TEST_F(Trampoline, BugFramesLeadToTheirCode) {
    link(function("bug", "nop; 1: ud2; 2: ud2; ret")
         + ".section .bug_frames.2,\"a\"\n.long (1b - .) + (3 << 24), 0\n"
           ".section .bug_frames.3,\"a\"\n.long (2b - .) + (1 << 24), 0, 0, 0\n");
    EXPECT_THAT(tables.bug_frames, ElementsAre(at("bug") + 1, at("bug") + 3));
}

TEST_F(Trampoline, XrefsTellWhoAndHow) {
    link(victim + function("caller", "call victim; ret")
         + function("taker", "lea victim+9(%rip),%rsi")
         + ".data\n.globl ptr; .type ptr,@object; ptr: .quad victim+1; .size ptr,8\n");
    const Range all{at("victim"), at("victim") + 10};
    const Xrefs x = Xrefs::find(image, {&all, 1}, disassembler);
    ASSERT_EQ(x.all().size(), 3u);
    EXPECT_EQ(x.all()[0].kind, Xref::Kind::branch);
    EXPECT_EQ(x.all()[0].symbol, "caller");
    EXPECT_EQ(x.all()[1].kind, Xref::Kind::pointer);
    EXPECT_EQ(x.all()[1].symbol, "ptr");
    EXPECT_EQ(x.all()[2].kind, Xref::Kind::operand);
    EXPECT_EQ(x.into({at("victim") + 1, at("victim") + 5}).size(), 1u);
}

} // namespace
} // namespace xlp::match::test
