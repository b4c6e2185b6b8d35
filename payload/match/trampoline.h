// SPDX-License-Identifier: GPL-2.0-only
// Can the old function take the jump to the new one? Xen writes `jmp rel32` over its first bytes
// (behind an ENDBR64): they must be there, be entered at the start only, and not be running.
// xen/arch/x86/livepatch.c, arch_livepatch_apply().
#pragma once

#include "payload/disasm/disasm.h"
#include "payload/match/tables.h"
#include "payload/xen/abi.h"
#include "payload/xen/contract.h"

#include <span>
#include <string>

namespace xlp::match {

using xen::abi::jump_size;

// A function to replace.
struct Site {
    std::string name;       // as in Xen's symbol table
    Address address = 0;    // in the image
    std::uint64_t size = 0; // that the record declares: its own, or with the padding behind it
};

// Bytes at the function's start that the loader leaves alone: 4 for an ENDBR64 on versions that
// skip it (Feature::skips_endbr), else 0.
std::uint64_t jump_offset(const xen::Image&, Address);

// Everything that speaks against trampolines at these functions (trampoline.*):
// errors     outside-text, init, forbidden, too-short,
//            entered-inside (a branch, pointer or continuation from elsewhere lands in the
//            overwritten bytes), overlap (two sites)
// warnings   own-branch (of the old function itself: harmless unless it runs at that moment),
//            maybe-inside (in code that cannot be decoded)
// One scan of the image for all sites.
Findings check_trampolines(const xen::Image&, const Tables&, std::span<const Site>,
                           const disasm::Disassembler&);

} // namespace xlp::match
