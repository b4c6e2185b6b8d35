// SPDX-License-Identifier: GPL-2.0-only
// Sections into atoms.
#include "payload/atom/decomposer.h"

#include <algorithm>

namespace xlp::atom {

using xen::SectionClass;

bool Decomposer::split_by_symbol(const elf::Symbol& s) const {
    if (s.name.empty() || s.name.starts_with(".L"))
        return false;
    if (s.type == STT_FUNC || s.type == STT_OBJECT || s.type == STT_GNU_IFUNC)
        return true;
    return s.type == STT_NOTYPE && (m_.assembly_ || s.bind != STB_LOCAL);
}

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

} // namespace xlp::atom
