// SPDX-License-Identifier: GPL-2.0-only
// Taking an object apart, in four steps, each over all sections:
//   1. split   - sections into atoms: at the symbols of functions and data, at each string and
//                literal, and nameless code at every place that something refers to
//   2. name    - which atom is which symbol
//   3. refer   - relocations into references
//   4. attach  - table entries to the atom whose code they speak of
#include "payload/atom/module.h"
#include "payload/base/bytes.h"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>
#include <map>

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

class Decomposer {
public:
    Decomposer(Module& m, xen::Version version, std::string_view source)
        : m_(m), o_(m.object_), version_(version), source_(source) {}
    Result<void> run();

private:
    struct Target { // what a relocation means, before atoms are known
        std::uint32_t section;
        std::int64_t offset;
        std::int32_t bias;
    };

    bool from_assembly() const;
    void classify_sections();
    void collect_marks();
    void split(const elf::Section&);
    void split_at_symbols(const elf::Section&);
    void split_at_marks(const elf::Section&);
    void split_strings(const elf::Section&);
    void split_literals(const elf::Section&);
    Atom& add(const elf::Section&, std::uint64_t begin, std::uint64_t size);
    void name_atoms();
    void refer(Atom&);
    std::vector<Reference> references(const elf::Section&, std::uint64_t begin, std::uint64_t end);
    Reference reference(const elf::Section&, const elf::Relocation&, std::uint64_t begin) const;
    Result<void> attach(const elf::Section& table);
    std::uint64_t function_start(const elf::Section&, std::uint64_t offset) const;
    void find_edges(const elf::Symbol&, std::int64_t place, Reference&) const;
    void settle_edges(Atom&);
    std::int32_t bias_of(const elf::Section& from, const elf::Relocation&) const;
    bool split_by_symbol(const elf::Symbol&) const;
    AtomId at(std::uint32_t section, std::int64_t offset) const;

    Module& m_;
    const elf::Object& o_;
    xen::Version version_;
    std::string_view source_;
    std::vector<SectionClass> classes_;
    std::vector<std::vector<const elf::Symbol*>> symbols_; // of each section, that split it
    std::vector<std::vector<std::uint64_t>> marks_;        // places referred to by section symbol
    std::vector<std::vector<AtomId>> by_section_;          // atoms by begin
};

// Symbols that begin an atom: sized functions and objects; in assembly, every label that is not
// local to the assembler.
bool Decomposer::split_by_symbol(const elf::Symbol& s) const {
    if (s.name.empty() || s.name.starts_with(".L"))
        return false;
    if (s.type == STT_FUNC || s.type == STT_OBJECT || s.type == STT_GNU_IFUNC)
        return true;
    return s.type == STT_NOTYPE && (m_.assembly_ || s.bind != STB_LOCAL);
}

// By its source; without, by what every compiler leaves in its objects and no assembler does.
bool Decomposer::from_assembly() const {
    if (!source_.empty())
        return source_.ends_with(".S") || source_.ends_with(".s");
    return o_.section(".comment") == nullptr;
}

void Decomposer::classify_sections() {
    bool sized_function = false, labels = false;
    for (const elf::Symbol& s : o_.symbols()) {
        const elf::Section* home = o_.section_of(s);
        if (!home || !home->executable())
            continue;
        sized_function |= s.type == STT_FUNC && s.size > 0;
        labels |= s.type == STT_NOTYPE && s.bind != STB_LOCAL;
    }
    m_.assembly_ = labels && (!sized_function || from_assembly());
    const std::size_t count = o_.sections().size();
    classes_.resize(count, SectionClass::ignored);
    symbols_.resize(count);
    marks_.resize(count);
    by_section_.resize(count);
    for (const elf::Section& s : o_.sections())
        if (s.index)
            classes_[s.index] = xen::classify(s);
    for (const elf::Symbol& s : o_.symbols()) {
        if (s.name.starts_with(".file.")) // of a source file that names itself
            continue;
        if (o_.section_of(s) && split_by_symbol(s))
            symbols_[s.section].push_back(&s);
    }
    for (const elf::Section& s : o_.sections())
        if (classes_[s.index] == SectionClass::text && symbols_[s.index].empty() && s.size)
            classes_[s.index] = SectionClass::fragment;
}

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

// The last symbol at or before a place in code; a section's start if there is none.
std::uint64_t Decomposer::function_start(const elf::Section& s, std::uint64_t offset) const {
    std::uint64_t start = 0;
    for (const elf::Symbol* symbol : symbols_[s.index])
        if (symbol->value <= offset)
            start = std::max(start, symbol->value);
    return start;
}

void Decomposer::collect_marks() {
    for (const elf::Section& s : o_.sections())
        for (const elf::Relocation& r : s.relocations) {
            const elf::Symbol& sym = o_.symbols()[r.symbol];
            if (!sym.defined())
                continue;
            std::int64_t addend = r.addend - bias_of(s, r);
            if (classes_[s.index] == SectionClass::bug_frames)
                addend = static_cast<std::int32_t>(static_cast<std::uint32_t>(addend) << 8) >> 8;
            const std::int64_t offset = static_cast<std::int64_t>(sym.value) + addend;
            if (offset >= 0)
                marks_[sym.section].push_back(static_cast<std::uint64_t>(offset));
        }
}

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

void Decomposer::split_strings(const elf::Section& s) {
    const std::uint64_t unit = std::max<std::uint64_t>(s.entsize, 1);
    std::uint64_t begin = 0;
    for (std::uint64_t at = 0; at + unit <= s.bytes.size(); at += unit) {
        const View c = s.bytes.subspan(at, unit);
        if (std::all_of(c.begin(), c.end(), [](std::uint8_t b) { return b == 0; })) {
            add(s, begin, at + unit - begin);
            begin = at + unit;
        }
    }
    if (begin < s.bytes.size())
        add(s, begin, s.bytes.size() - begin);
}

void Decomposer::split_literals(const elf::Section& s) {
    for (std::uint64_t at = 0; at + s.entsize <= s.bytes.size(); at += s.entsize)
        add(s, at, s.entsize);
}

// Nameless code is cut where something refers to it, but never where control may run on from the
// piece before: that piece must end in a jump to another section, which has a relocation.
void Decomposer::split_at_marks(const elf::Section& s) {
    const bool replacement = classes_[s.index] == SectionClass::replacement;
    auto ends_in_jump = [&](std::uint64_t cut) {
        return cut >= 5 && s.bytes[cut - 5] == 0xe9
               && std::binary_search(s.relocations.begin(), s.relocations.end(),
                                     elf::Relocation{cut - 4, 0, 0, 0},
                                     [](const elf::Relocation& a, const elf::Relocation& b) {
                                         return a.offset < b.offset;
                                     });
    };
    std::vector<std::uint64_t> cuts = marks_[s.index];
    std::erase_if(cuts, [&](std::uint64_t c) {
        return c == 0 || c >= s.size || (!replacement && !ends_in_jump(c));
    });
    cuts.push_back(0);
    std::sort(cuts.begin(), cuts.end());
    cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
    for (std::size_t i = 0; i < cuts.size(); ++i)
        add(s, cuts[i], (i + 1 < cuts.size() ? cuts[i + 1] : s.size) - cuts[i]);
}

// An atom reaches to the end of its symbol, or to the next one where something refers to what lies
// between, or code follows that is no padding.
void Decomposer::split_at_symbols(const elf::Section& s) {
    auto& symbols = symbols_[s.index];
    std::stable_sort(symbols.begin(), symbols.end(), [](const auto* a, const auto* b) {
        return a->value != b->value ? a->value < b->value : a->size > b->size;
    });
    std::vector<std::uint64_t> marks = marks_[s.index];
    std::sort(marks.begin(), marks.end());
    auto referred = [&](std::uint64_t begin, std::uint64_t end) {
        auto it = std::upper_bound(marks.begin(), marks.end(), begin);
        return it != marks.end() && *it < end;
    };
    std::uint64_t next_free = 0;
    for (std::size_t i = 0; i < symbols.size(); ++i) {
        const std::uint64_t begin = symbols[i]->value;
        if (begin < next_free || (i && begin == symbols[i - 1]->value) || begin >= s.size)
            continue; // an alias, or a label within the atom before
        if (begin > next_free && (referred(next_free - !!next_free, begin) || next_free == 0))
            add(s, next_free, begin - next_free); // nameless contents before
        std::size_t n = i + 1;
        while (n < symbols.size()
               && symbols[n]->value < begin + std::max(symbols[i]->size, std::uint64_t{1}))
            ++n;
        const std::uint64_t limit = n < symbols.size() ? symbols[n]->value : s.size;
        std::uint64_t end = std::min(begin + symbols[i]->size, limit);
        // a label without a size, or e.g. a .subsection of inline assembly behind the function
        if (symbols[i]->size == 0 || (s.executable() && referred(end, limit)))
            end = limit;
        add(s, begin, end - begin);
        next_free = end;
    }
    const bool padding = next_free && !referred(next_free - 1, s.size);
    if (next_free < s.size && !padding)
        add(s, next_free, s.size - next_free);
}

void Decomposer::split(const elf::Section& s) {
    switch (classes_[s.index]) {
    case SectionClass::string:
        return split_strings(s);
    case SectionClass::literal:
        return split_literals(s);
    case SectionClass::fragment:
    case SectionClass::replacement:
        return split_at_marks(s);
    case SectionClass::text:
    case SectionClass::entry_text:
    case SectionClass::init_text:
    case SectionClass::constant:
    case SectionClass::data:
    case SectionClass::per_cpu:
    case SectionClass::init_data:
    case SectionClass::registration: // code may refer to an entry of its own
        return split_at_symbols(s);
    default:
        return;
    }
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

// The end of one datum is the start of the next, and gas writes both as a distance from the
// section's start. It does so for local symbols only.
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

// Which of the two a function means: an operand that is read or written lies in the datum that
// begins there; an address, beside a scalar whose address the function has no other use for, is the
// end of the array that it walks.
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

Result<void> Decomposer::attach(const elf::Section& table) {
    const std::size_t size = xen::table_entry_size(table, version_);
    auto odd = [&](std::string why) {
        return fail(refusal("atom.odd-table", std::move(why),
                            "This Xen version may lay the table out in another way; check that "
                            "source and symbol file belong together.",
                            {o_.name(), std::string(table.name), {}, 0}));
    };
    if (table.size % size)
        return odd(fmt::format("{} has {} bytes, which is no multiple of its {}-byte entries.",
                               table.name, table.size, size));
    for (std::uint64_t begin = 0; begin < table.size; begin += size) {
        Entry e;
        e.table = classes_[table.index];
        e.section = table.name;
        e.bytes = table.bytes.subspan(begin, size);
        e.references = references(table, begin, begin + size);
        if (e.references.empty() || e.references[0].offset != 0 || e.references[0].atom == no_atom)
            return odd(
                fmt::format("The entry at {:#x} of {} does not point at code of this object.",
                            begin, table.name));
        if (e.table == SectionClass::bug_frames && e.references.size() > 1)
            e.line = (e.references[0].line_bits >> 24) << 7 | e.references[1].line_bits >> 24;
        if (e.empty_replacement() && e.references.size() > 1)
            aim_at_site(e);
        Atom& owner = m_.atoms_[e.references[0].atom];
        if (!xen::is_code(owner.section_class))
            return odd(fmt::format("The entry at {:#x} of {} points at {}, which is no code.",
                                   begin, table.name, owner.label()));
        owner.entries.push_back(std::move(e));
    }
    return {};
}

Result<void> Decomposer::run() {
    if (!o_.relocatable())
        return fail(bad_input("atom.not-an-object", "This is a linked file, not an object.", {},
                              {o_.name(), {}, {}, 0}));
    classify_sections();
    collect_marks();
    for (const elf::Section& s : o_.sections())
        if (s.size)
            split(s);
    name_atoms();
    for (Atom& a : m_.atoms_)
        refer(a);
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
