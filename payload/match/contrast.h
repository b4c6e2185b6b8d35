// SPDX-License-Identifier: GPL-2.0-only
// Two versions of a function's code side by side, instruction by instruction, to say in what they
// differ. For messages and guesses at causes, never for the decision whether they are equal.
#pragma once

#include "payload/atom/module.h"
#include "payload/base/bytes.h"
#include "payload/disasm/disasm.h"
#include "payload/xen/image.h"

#include <optional>
#include <vector>

namespace xlp::match {

// The kind of difference between two instructions.
enum class Unlike {
    immediate,    // nothing but an immediate of at least two bytes
    displacement, // nothing but the offset in a memory operand
    other
};

struct Contrast {
    std::uint32_t offset = 0; // in the function
    Unlike unlike = Unlike::other;
    disasm::Instruction ours, theirs;
};

// Unlike instructions of two pieces of code at the same address, in order. Ends behind the first
// one of kind `other`, for the two are out of step from there.
std::vector<Contrast> contrast(View ours, View theirs, xen::Address, const disasm::Disassembler&);

// The first pair of instructions that do different things, where the two may be out of step: NOPs,
// and branches within the function that merely have another distance, are passed over. `function`
// is the range of addresses that counts as within.
std::optional<Contrast> first_unlike(View ours, View theirs, xen::Range function,
                                     const disasm::Disassembler&);

// An atom's bytes with its reference fields as in `linked`, so that only real differences remain.
Bytes with_fields_of(const atom::Atom&, View linked);

// Line numbers that are taken for some: the first lines of a file hold no code.
inline constexpr std::uint64_t first_line = 20, last_line = 30000;

// Whether all of them are immediates that may be line numbers, moved in the same direction: source
// with lines more or less above __LINE__ gives such code.
bool only_line_numbers(const std::vector<Contrast>&);
// Whether all of them are offsets in memory operands, as structures laid out in another way give.
bool only_displacements(const std::vector<Contrast>&);

} // namespace xlp::match
