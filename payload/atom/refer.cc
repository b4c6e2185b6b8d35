// SPDX-License-Identifier: GPL-2.0-only
// Relocations into references.
#include "payload/atom/decomposer.h"

#include <algorithm>

namespace xlp::atom {

using xen::SectionClass;

std::int32_t Decomposer::bias_of(const elf::Section& from, const elf::Relocation& r) const {
    if (r.type == R_X86_64_64 || r.type == R_X86_64_32 || r.type == R_X86_64_32S)
        return 0;
    const SectionClass c = classes_[from.index];
    if (c == SectionClass::bug_frames) // counted from the frame's start, not from the field
        return static_cast<std::int32_t>(r.offset % xen::table_entry_size(from, version_));
    if (!xen::is_code(c))
        return 0;
    return -4
           - static_cast<std::int32_t>(
               trailing_immediate(from.bytes, r.offset, function_start(from, r.offset)));
}

std::uint64_t Decomposer::function_start(const elf::Section& s, std::uint64_t offset) const {
    std::uint64_t start = 0;
    for (const elf::Symbol* symbol : symbols_[s.index])
        if (symbol->value <= offset)
            start = std::max(start, symbol->value);
    return start;
}

Reference Decomposer::reference(const elf::Section& from, const elf::Relocation& r,
                                std::uint64_t begin) const {
    const elf::Symbol& sym = o_.symbols()[r.symbol];
    const SectionClass from_class = classes_[from.index];
    Reference ref;
    ref.offset = static_cast<std::uint32_t>(r.offset - begin);
    ref.type = r.type;
    ref.bias = bias_of(from, r);
    ref.branch = xen::is_code(from_class) && is_branch_field(from.bytes, r.offset);
    // a function's address in data is 64 bits wide; distances in it are jump tables
    ref.label =
        from_class == SectionClass::bug_frames
            ? ref.bias == 0
            : xen::is_table(from_class) || (!xen::is_code(from_class) && r.type == R_X86_64_PC32);
    std::int64_t addend = r.addend - ref.bias;
    if (from_class == SectionClass::bug_frames) {
        const std::int64_t place =
            static_cast<std::int32_t>(static_cast<std::uint32_t>(addend) << 8) >> 8;
        ref.line_bits = static_cast<std::uint32_t>(addend - place);
        addend = place;
    }
    ref.delta = addend;
    if (!sym.defined() || classes_[sym.section] == SectionClass::ignored) {
        ref.external = sym.name;
        return ref;
    }
    // A symbol tells which atom is meant even where the addend leads out of it; a section symbol
    // does not, and a label means the atom that it lies in.
    const std::int64_t place = static_cast<std::int64_t>(sym.value) + addend;
    const bool named = split_by_symbol(sym) || sym.name.starts_with(".LC");
    ref.atom = at(sym.section, named ? static_cast<std::int64_t>(sym.value) : place);
    // before the start of the only datum of a section (`&a[i - 1]')
    if (ref.atom == no_atom && place < 0 && by_section_[sym.section].size() == 1)
        ref.atom = by_section_[sym.section][0];
    if (ref.atom == no_atom) {
        ref.external = sym.name;
        return ref;
    }
    ref.delta = place - static_cast<std::int64_t>(m_.atoms_[ref.atom].begin);
    if (!named)
        find_edges(sym, place, ref);
    return ref;
}

std::vector<Reference> Decomposer::references(const elf::Section& s, std::uint64_t begin,
                                              std::uint64_t end) {
    std::vector<Reference> found;
    auto it = std::lower_bound(
        s.relocations.begin(), s.relocations.end(), begin,
        [](const elf::Relocation& r, std::uint64_t offset) { return r.offset < offset; });
    for (; it != s.relocations.end() && it->offset < end; ++it)
        if (it->type != R_X86_64_NONE)
            found.push_back(reference(s, *it, begin));
    return found;
}

void Decomposer::refer(Atom& a) {
    a.references = references(o_.sections()[a.section], a.begin, a.begin + a.size);
}

void Decomposer::find_edges(const elf::Symbol& sym, std::int64_t place, Reference& ref) const {
    const Atom& b = m_.atoms_[ref.atom];
    const auto& ids = by_section_[sym.section];
    if (ref.delta != 0 || ref.branch || ref.label || b.anonymous() || xen::is_code(b.section_class)
        || b.section_class == SectionClass::string || b.section_class == SectionClass::literal)
        return;
    const auto it = std::lower_bound(ids.begin(), ids.end(), ref.atom);
    if (it == ids.end() || it == ids.begin())
        return;
    const Atom& a = m_.atoms_[*std::prev(it)];
    if (static_cast<std::int64_t>(a.begin + a.size) != place || a.anonymous())
        return;
    if (a.global)
        return; // it would be named
    ref.ends = a.id;
    ref.means_end = b.global;
}

void Decomposer::settle_edges(Atom& f) {
    if (!xen::is_code(f.section_class))
        return;
    for (Reference& r : f.references) {
        if (r.ends == no_atom || r.means_end)
            continue;
        // lea: 8d /r; only then is it the address that counts
        const bool address = r.offset >= 2 && f.bytes[r.offset - 2] == 0x8d
                             && (f.bytes[r.offset - 1] & 0xc7) == 0x05;
        if (!address) {
            if (r.type != R_X86_64_64 && r.type != R_X86_64_32 && r.type != R_X86_64_32S)
                r.ends = no_atom;
            continue;
        }
        const Atom& a = m_.atoms_[r.ends];
        const Atom& b = m_.atoms_[r.atom];
        const bool walks =
            std::any_of(f.references.begin(), f.references.end(), [&](const Reference& o) {
                return &o != &r && o.atom == a.id && o.delta >= 0
                       && o.delta <= static_cast<std::int64_t>(a.size);
            });
        r.means_end = walks && b.size <= 8 && a.size > 8;
    }
}

} // namespace xlp::atom
