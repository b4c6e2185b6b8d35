// SPDX-License-Identifier: GPL-2.0-only
// Functions that run only when a CPU comes up: what is replaced of them does nothing for the CPUs
// that are up already.
#pragma once

#include "payload/disasm/disasm.h"
#include "payload/match/trampoline.h"

#include <map>
#include <span>
#include <string>

namespace xlp::match {

// Of these functions, those to which all ways lead from boot code, from the start of a secondary
// CPU, from resume, or from the tables of functions called there (struct cpu_dev, struct
// microcode_ops, notifiers of CPU events; xen/arch/x86/cpu/common.c, smpboot.c); with the name of
// what leads to it directly. A function whose address is taken in any other place is not among
// them, nor is one to which no way is seen. A few scans of the image.
std::map<std::string, std::string> bring_up_only(const xen::Image&, std::span<const Site>,
                                                 const disasm::Disassembler&);

} // namespace xlp::match
