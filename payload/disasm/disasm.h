// SPDX-License-Identifier: GPL-2.0-only
// x86-64 machine code as instructions, for display and for branch analysis. It is never used to
// decide whether two pieces of code are equal: Capstone 4.0.2 misreads some instructions that Xen
// uses, and does not know others. Those are in a separate table (odd.h), and undecodable bytes are
// returned as data, one byte at a time; decoding cannot fail.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace xlp::disasm {

using Code = std::span<const std::uint8_t>;

inline constexpr std::size_t longest_instruction = 15; // bytes

// Where the processor goes after an instruction.
enum class Flow {
    next,
    jump,        // unconditionally elsewhere
    conditional, // jcc, loop, jrcxz
    call,
    ret,
    stop // ud2, hlt and the like: what follows is not reached from here
};

struct Field { // of an instruction; size 0: it has none
    std::uint8_t offset = 0, size = 0;
};

struct Instruction {
    std::uint64_t address = 0;
    Code bytes;       // part of the code given
    std::string text; // AT&T syntax, as objdump shows it
    Flow flow = Flow::next;
    std::optional<std::uint64_t> target; // of a direct jump or call
    std::optional<std::uint64_t> memory; // the address that a %rip-relative operand means
    Field displacement;                  // of a memory operand
    Field immediate;                     // or distance of a direct branch
    bool indirect = false;               // jump or call through a register or memory
    bool data = false;                   // not decoded

    std::uint64_t end() const { return address + bytes.size(); }
};

// Owns a Capstone handle. One per thread; moving is cheap, creating costs some microseconds.
class Disassembler {
public:
    Disassembler();
    ~Disassembler();
    Disassembler(Disassembler&&) noexcept;
    Disassembler& operator=(Disassembler&&) noexcept;
    Disassembler(const Disassembler&) = delete;
    Disassembler& operator=(const Disassembler&) = delete;

    // The first instruction of `code`, which lies at `address`. `code` must not be empty.
    Instruction one(Code code, std::uint64_t address) const;
    // All of them; their sizes add up to that of `code`.
    std::vector<Instruction> all(Code code, std::uint64_t address) const;

private:
    void close();
    std::size_t handle_ = 0; // csh; 0: Capstone is not available and everything odd is data
    void* scratch_ = nullptr;
};

} // namespace xlp::disasm
