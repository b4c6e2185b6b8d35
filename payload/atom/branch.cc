// SPDX-License-Identifier: GPL-2.0-only
// Branches without a relocation: the assembler resolves those that lead from one function to
// another of the same section, unless that one can be replaced when linking. Their distance changes
// whenever something between the two does.
#include "payload/atom/decomposer.h"
#include "payload/disasm/disasm.h"

#include <algorithm>

namespace xlp::atom {

namespace {

bool before(const Reference& a, const Reference& b) {
    return a.offset < b.offset;
}

} // namespace

// Assembly is left as it is written: its functions run on into each other, and lie beside data.
void Decomposer::refer_by_branch(const elf::Section& s) {
    if (m_.assembly_ || !xen::is_code(classes_[s.index]) || by_section_[s.index].size() < 2)
        return;
    const disasm::Disassembler disassembler;
    for (const AtomId id : by_section_[s.index]) {
        Atom& a = m_.atoms_[id];
        if (!a.is_function()) // the replacement of an alternative may jump to its own end
            continue;
        const std::size_t relocated = a.references.size();
        for (const disasm::Instruction& i : disassembler.all(a.bytes, a.begin)) {
            if (!i.target || (i.immediate.size != 1 && i.immediate.size != 4)
                || (*i.target >= a.begin && *i.target < a.begin + a.size))
                continue;
            Reference r;
            r.offset = static_cast<std::uint32_t>(i.address - a.begin + i.immediate.offset);
            const auto known = a.references.begin() + static_cast<std::ptrdiff_t>(relocated);
            if (std::binary_search(a.references.begin(), known, r, before))
                continue; // a relocation says where it leads
            r.atom = at(s.index, static_cast<std::int64_t>(*i.target));
            if (r.atom == no_atom || r.atom == id || !m_.atoms_[r.atom].is_function()
                || *i.target >= s.size)
                continue;
            r.type = i.immediate.size == 1 ? R_X86_64_PC8 : R_X86_64_PC32;
            r.bias = -static_cast<std::int32_t>(i.immediate.size);
            r.branch = true;
            r.delta = static_cast<std::int64_t>(*i.target - m_.atoms_[r.atom].begin);
            a.references.push_back(r);
        }
        std::sort(a.references.begin(), a.references.end(), before);
    }
}

} // namespace xlp::atom
