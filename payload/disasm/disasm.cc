// SPDX-License-Identifier: GPL-2.0-only
#include "payload/disasm/disasm.h"

#include "payload/disasm/odd.h"

#include <algorithm>
#include <capstone/capstone.h>
#include <fmt/format.h>
#include <string_view>
#include <utility>

namespace xlp::disasm {

namespace {

Instruction data_byte(Code code, std::uint64_t address) {
    Instruction i;
    i.address = address;
    i.bytes = code.first(1);
    i.text = fmt::format(".byte 0x{:02x}", code[0]);
    i.data = true;
    return i;
}

bool in_group(const cs_insn& i, unsigned group) {
    const cs_detail& d = *i.detail;
    return std::find(d.groups, d.groups + d.groups_count, group) != d.groups + d.groups_count;
}

Flow flow_of(const cs_insn& i) {
    switch (i.id) {
    case X86_INS_UD2:
    case X86_INS_HLT:
        return Flow::stop;
    case X86_INS_JMP:
    case X86_INS_LJMP:
        return Flow::jump;
    default:
        break;
    }
    if (in_group(i, X86_GRP_CALL))
        return Flow::call;
    if (in_group(i, X86_GRP_RET) || in_group(i, X86_GRP_IRET))
        return Flow::ret;
    // Capstone 4 puts loop and jrcxz into no group of branches but the relative ones
    if (in_group(i, X86_GRP_JUMP) || in_group(i, X86_GRP_BRANCH_RELATIVE))
        return Flow::conditional;
    return Flow::next;
}

// Capstone gives some fields more bytes than the instruction has.
Field field_within(const cs_insn& i, std::uint8_t offset, std::uint8_t size) {
    if (!offset || offset >= i.size)
        return {};
    return {offset, static_cast<std::uint8_t>(std::min<unsigned>(size, i.size - offset))};
}

void read_operands(const cs_insn& from, Instruction& to) {
    const cs_x86& x = from.detail->x86;
    to.displacement = field_within(from, x.encoding.disp_offset, x.encoding.disp_size);
    to.immediate = field_within(from, x.encoding.imm_offset, x.encoding.imm_size);
    const bool branch =
        to.flow == Flow::jump || to.flow == Flow::conditional || to.flow == Flow::call;
    for (int n = 0; n < x.op_count; ++n) {
        const cs_x86_op& op = x.operands[n];
        if (branch && op.type == X86_OP_IMM)
            to.target = static_cast<std::uint64_t>(op.imm);
        if (op.type == X86_OP_MEM && op.mem.base == X86_REG_RIP)
            to.memory = from.address + from.size + static_cast<std::uint64_t>(op.mem.disp);
    }
    to.indirect = branch && !to.target;
}

} // namespace

Disassembler::Disassembler() {
    csh handle = 0;
    if (cs_open(CS_ARCH_X86, CS_MODE_64, &handle) != CS_ERR_OK)
        return;
    cs_option(handle, CS_OPT_SYNTAX, CS_OPT_SYNTAX_ATT);
    cs_option(handle, CS_OPT_DETAIL, CS_OPT_ON);
    handle_ = handle;
    scratch_ = cs_malloc(handle);
    if (!scratch_)
        close();
}

void Disassembler::close() {
    if (scratch_)
        cs_free(static_cast<cs_insn*>(scratch_), 1);
    if (csh handle = handle_)
        cs_close(&handle);
    scratch_ = nullptr;
    handle_ = 0;
}

Disassembler::~Disassembler() {
    close();
}

Disassembler::Disassembler(Disassembler&& o) noexcept
    : handle_(std::exchange(o.handle_, 0)), scratch_(std::exchange(o.scratch_, nullptr)) {}

Disassembler& Disassembler::operator=(Disassembler&& o) noexcept {
    std::swap(handle_, o.handle_);
    std::swap(scratch_, o.scratch_);
    return *this;
}

Instruction Disassembler::one(Code code, std::uint64_t address) const {
    if (auto odd = decode_odd(code, address))
        return std::move(*odd);
    auto* insn = static_cast<cs_insn*>(scratch_);
    const std::uint8_t* at = code.data();
    std::size_t left = std::min(code.size(), longest_instruction);
    std::uint64_t next = address;
    if (!insn || !cs_disasm_iter(handle_, &at, &left, &next, insn))
        return data_byte(code, address);
    Instruction i;
    i.address = address;
    i.bytes = code.first(insn->size);
    i.text = insn->mnemonic;
    if (insn->op_str[0])
        i.text += fmt::format(" {}", insn->op_str);
    i.flow = flow_of(*insn);
    read_operands(*insn, i);
    return i;
}

std::vector<Instruction> Disassembler::all(Code code, std::uint64_t address) const {
    std::vector<Instruction> found;
    found.reserve(code.size() / 4);
    while (!code.empty()) {
        found.push_back(one(code, address));
        const std::size_t size = found.back().bytes.size();
        code = code.subspan(size);
        address += size;
    }
    return found;
}

} // namespace xlp::disasm
