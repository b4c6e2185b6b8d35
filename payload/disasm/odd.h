// SPDX-License-Identifier: GPL-2.0-only
// Instructions that Capstone 4.0.2 does not know or reads wrongly, among those found in Xen and its
// near future (shadow stacks, FRED, MSR lists, Xen's own use of ud0). From Intel's SDM, volume 2.
#pragma once

#include "payload/disasm/disasm.h"

namespace xlp::disasm {

// The instruction at the start of `code` if it is such a one; nothing for all others.
std::optional<Instruction> decode_odd(Code code, std::uint64_t address);

} // namespace xlp::disasm
