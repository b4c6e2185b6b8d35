// SPDX-License-Identifier: GPL-2.0-only
// An x86 %rip-relative operand counts from the end of its instruction. The relocation's addend
// therefore holds -4 less the immediate that follows the displacement, and to know which place is
// meant one must know how long that immediate is. The opcode tells; no full decoder is needed.
#include "payload/atom/module.h"
#include "payload/base/bytes.h"
#include "payload/disasm/disasm.h"

#include <algorithm>
#include <optional>

namespace xlp::atom {

namespace {

// Opcodes of the one-byte map with ModRM and an immediate byte / an immediate of operand size.
bool takes_imm8(std::uint8_t op, std::uint8_t reg) {
    switch (op) {
    case 0x6b:
    case 0x80:
    case 0x82:
    case 0x83:
    case 0xc0:
    case 0xc1:
    case 0xc6:
        return true;
    case 0xf6:
        return reg < 2; // test
    default:
        return false;
    }
}

bool takes_imm32(std::uint8_t op, std::uint8_t reg) {
    switch (op) {
    case 0x69:
    case 0x81:
    case 0xc7:
        return true;
    case 0xf7:
        return reg < 2; // test
    default:
        return false;
    }
}

// Two-byte map (0f xx): shld, shrd, bt group, and the SSE shuffles and compares.
bool two_byte_takes_imm8(std::uint8_t op) {
    switch (op) {
    case 0x70:
    case 0x71:
    case 0x72:
    case 0x73:
    case 0xa4:
    case 0xac:
    case 0xba:
    case 0xc2:
    case 0xc4:
    case 0xc5:
    case 0xc6:
        return true;
    default:
        return false;
    }
}

bool is_rex(std::uint8_t b) {
    return (b & 0xf0) == 0x40;
}

} // namespace

namespace {

// The instruction that holds the field, told by decoding from `start`.
unsigned decoded_immediate(View code, std::size_t offset, std::size_t start) {
    const disasm::Disassembler disassembler;
    for (std::size_t at = start; at < code.size();) {
        const std::size_t most = std::min(code.size() - at, disasm::longest_instruction);
        const disasm::Instruction i = disassembler.one(code.subspan(at, most), at);
        if (i.end() > offset)
            return i.end() > offset + 4 ? static_cast<unsigned>(i.end() - offset - 4) : 0;
        at = i.end();
    }
    return 0;
}

} // namespace

unsigned trailing_immediate(View code, std::size_t offset, std::size_t start) {
    if (offset < 2 || offset > code.size())
        return 0;
    const std::uint8_t modrm = code[offset - 1];
    if ((modrm & 0xc7) != 0x05) // mod 00, rm 101: %rip-relative
        return 0;
    const std::uint8_t op = code[offset - 2];
    const std::uint8_t reg = modrm >> 3 & 7;
    auto before = [&](std::size_t n) -> std::uint8_t { return offset >= n ? code[offset - n] : 0; };
    unsigned one_byte = 0;
    if (takes_imm8(op, reg)) {
        one_byte = 1;
    } else if (takes_imm32(op, reg)) {
        const std::uint8_t prefix = is_rex(before(3)) ? before(4) : before(3);
        const bool wide = is_rex(before(3)) && (before(3) & 8);
        one_byte = prefix == 0x66 && !wide ? 2 : 4;
    }
    // 0x0f may belong to the opcode or end the instruction before
    std::optional<unsigned> longer;
    if (before(3) == 0x0f)
        longer = two_byte_takes_imm8(op) ? 1 : 0;
    else if (before(4) == 0x0f && before(3) == 0x3a)
        longer = 1;
    if (!longer || *longer == one_byte)
        return one_byte;
    return decoded_immediate(code, offset, start);
}

bool is_branch_field(View code, std::size_t offset) {
    if (offset < 1 || offset > code.size())
        return false;
    const std::uint8_t op = code[offset - 1];
    if (op == 0xe8 || op == 0xe9)
        return true;
    return offset >= 2 && code[offset - 2] == 0x0f && (op & 0xf0) == 0x80;
}

} // namespace xlp::atom
