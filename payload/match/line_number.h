// SPDX-License-Identifier: GPL-2.0-only
// __LINE__ in an instruction: source that has a line more or less above yields code that differs in
// nothing but a number. That is worth telling apart from code that does something else.
#pragma once

#include "payload/atom/module.h"
#include "payload/disasm/disasm.h"
#include "payload/xen/image.h"

namespace xlp::match {

// Largest line number that is taken for one.
inline constexpr std::uint64_t last_line = 30000;

// Whether linked bytes of an atom differ from its own, outside of references, in nothing but
// immediates that can be line numbers, all moved in the same direction. `linked` has the size of
// the atom's bytes and lies at `base`.
bool only_line_numbers(const atom::Atom&, elf::View linked, xen::Address base,
                       const disasm::Disassembler&);

} // namespace xlp::match
