// SPDX-License-Identifier: GPL-2.0-only
// Switch tables in linked code. GCC and clang emit, with -fpic, `lea table(%rip)`, a load of a
// 32-bit distance, an addition, and an indirect jump; the distances count from the table's start.
// Builds for IBT or with retpolines have none (-fno-jump-tables).
#pragma once

#include "payload/disasm/disasm.h"
#include "payload/xen/image.h"

#include <span>
#include <vector>

namespace xlp::match {

// Places in the function that its own switch tables lead to; empty for a function without an
// indirect jump. A table ends where an entry leads out of the function.
std::vector<xen::Address>
jump_table_targets(const xen::Image&, std::span<const disasm::Instruction>, xen::Range function);

} // namespace xlp::match
