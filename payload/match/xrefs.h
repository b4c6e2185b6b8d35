// SPDX-License-Identifier: GPL-2.0-only
// Who refers to a place of the linked hypervisor? A linked file has no relocations left, so every
// byte of code is tried as the field of a branch or %rip-relative operand, and every byte of data
// as an absolute address; what looks like a field is confirmed by decoding the function around it.
#pragma once

#include "payload/disasm/disasm.h"
#include "payload/xen/image.h"

#include <span>
#include <vector>

namespace xlp::match {

using xen::Address;
using xen::Range;

struct Xref {
    enum class Kind {
        branch,  // jump or call
        operand, // %rip-relative operand: takes the address, or reads or writes there
        pointer, // absolute address in data
        possible // in code that does not decode cleanly
    };
    Address from = 0; // of the instruction, or of the pointer
    Address to = 0;
    Kind kind = Kind::branch;
    std::string symbol; // that covers `from`; may be empty
};

class Xrefs {
public:
    // One pass over the image for all ranges (which may be in any order): some tens of
    // milliseconds, and some microseconds a candidate. Ranges should be small and lie in code.
    static Xrefs find(const xen::Image&, std::span<const Range>, const disasm::Disassembler&);

    const std::vector<Xref>& all() const { return all_; } // by `to`, then `from`
    std::span<const Xref> into(Range) const;

private:
    std::vector<Xref> all_;
};

} // namespace xlp::match
