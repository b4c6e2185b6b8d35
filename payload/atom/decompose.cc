// SPDX-License-Identifier: GPL-2.0-only
#include "payload/atom/decomposer.h"

#include <algorithm>
#include <fmt/format.h>

namespace xlp::atom {

using xen::SectionClass;

namespace {

// A replacement without bytes (the site becomes nops) may lie at its section's end, or in an empty
// section, where no atom is; nobody reads it. The site stands for it here; a payload has to point
// it into its own .altinstr_replacement.
void aim_at_site(Entry& e) {
    Reference& replacement = e.references[1];
    const Reference& site = e.references[0];
    replacement.atom = site.atom;
    replacement.external = {};
    replacement.delta = site.delta;
}

} // namespace

Atom& Decomposer::add(const elf::Section& s, std::uint64_t begin, std::uint64_t size) {
    Atom a;
    a.id = static_cast<AtomId>(m_.atoms_.size());
    a.section_class = classes_[s.index];
    a.section = s.index;
    a.begin = begin;
    a.size = size;
    // the alignment that the place in the section shows
    a.align = begin ? std::min<std::uint64_t>(s.align, begin & (~begin + 1)) : s.align;
    a.zero = s.type == SHT_NOBITS;
    if (!a.zero)
        a.bytes = s.bytes.subspan(begin, size);
    by_section_[s.index].push_back(a.id);
    return m_.atoms_.emplace_back(a);
}

void Decomposer::name_atoms() {
    for (std::size_t section = 0; section < symbols_.size(); ++section)
        for (const elf::Symbol* s : symbols_[section]) {
            const AtomId id = at(s->section, static_cast<std::int64_t>(s->value));
            if (id == no_atom)
                continue;
            Atom& a = m_.atoms_[id];
            if (s->value != a.begin)
                continue;
            if (!a.name.empty() && (!a.global || s->local())) {
                a.aliases.push_back(s->name);
            } else {
                if (!a.name.empty())
                    a.aliases.push_back(a.name); // a global name goes before a local one
                a.name = s->name;
                a.file = s->file;
                a.global = !s->local();
                a.symbol_type = s->type;
            }
            m_.by_name_.try_emplace(s->name, id);
        }
}

AtomId Decomposer::at(std::uint32_t section, std::int64_t offset) const {
    const auto& ids = by_section_[section];
    auto it = std::upper_bound(ids.begin(), ids.end(), offset, [&](std::int64_t o, AtomId id) {
        return o < static_cast<std::int64_t>(m_.atoms_[id].begin);
    });
    return it == ids.begin() ? no_atom : *--it;
}

Result<void> Decomposer::attach(const elf::Section& table) {
    const std::size_t size = xen::table_entry_size(table, version_);
    auto odd = [&](std::string why) {
        return fail(refusal("atom.odd-table", std::move(why),
                            "This Xen version may lay out the table differently; check that source "
                            "and symbol file belong together.",
                            {o_.name(), std::string(table.name), {}, 0}));
    };
    if (table.size % size)
        return odd(
            fmt::format("{} has {} bytes, which is not a multiple of its {}-byte entry size.",
                        table.name, table.size, size));
    for (std::uint64_t begin = 0; begin < table.size; begin += size) {
        Entry e;
        e.table = classes_[table.index];
        e.section = table.name;
        e.bytes = table.bytes.subspan(begin, size);
        e.references = references(table, begin, begin + size);
        if (e.references.empty() || e.references[0].offset != 0 || e.references[0].atom == no_atom)
            return odd(
                fmt::format("The entry at {:#x} of {} does not point to code in this object.",
                            begin, table.name));
        if (e.table == SectionClass::bug_frames && e.references.size() > 1)
            e.line = (e.references[0].line_bits >> 24) << 7 | e.references[1].line_bits >> 24;
        if (e.empty_replacement() && e.references.size() > 1)
            aim_at_site(e);
        Atom& owner = m_.atoms_[e.references[0].atom];
        if (!xen::is_code(owner.section_class))
            return odd(fmt::format("The entry at {:#x} of {} points to {}, which is not code.",
                                   begin, table.name, owner.label()));
        owner.entries.push_back(std::move(e));
    }
    return {};
}

Result<void> Decomposer::run() {
    if (!o_.relocatable())
        return fail(bad_input("atom.not-an-object", "This is a linked file, not an object file.",
                              {}, {o_.name(), {}, {}, 0}));
    classify_sections();
    collect_marks();
    for (const elf::Section& s : o_.sections())
        if (s.size)
            split(s);
    name_atoms();
    for (Atom& a : m_.atoms_)
        refer(a);
    for (const elf::Section& s : o_.sections())
        refer_by_branch(s);
    for (Atom& a : m_.atoms_)
        settle_edges(a);
    Findings bad;
    for (const elf::Section& s : o_.sections()) {
        const SectionClass c = classes_[s.index];
        if (!s.size)
            continue;
        if (xen::is_table(c)) {
            if (auto ok = attach(s); !ok)
                append(bad, std::move(ok.error()));
        } else if (c == SectionClass::hooks || c == SectionClass::registration) {
            Atom whole;
            whole.section_class = c;
            whole.section = s.index;
            whole.name = s.name;
            whole.size = s.size;
            whole.align = s.align;
            whole.bytes = s.bytes;
            whole.references = references(s, 0, s.size);
            m_.arrays_.push_back(std::move(whole));
        }
    }
    if (!bad.empty())
        return fail(std::move(bad));
    return {};
}

Result<Module> Module::from(elf::Object object, xen::Version version, std::string_view source) {
    Module m;
    m.object_ = std::move(object);
    if (auto ok = Decomposer(m, version, source).run(); !ok)
        return fail(ok);
    return m;
}

} // namespace xlp::atom
