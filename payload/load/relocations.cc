// SPDX-License-Identifier: GPL-2.0-only
// livepatch_elf_perform_relocs() of xen/common/livepatch_elf.c, arch_livepatch_perform_rela() of
// xen/arch/x86/livepatch.c.
#include "payload/load/loading.h"

namespace xlp::load {

namespace {

const char* const damaged = "The file is damaged; rebuild the payload.";

struct Table {
    std::uint32_t index, target;
    Elf64_Shdr header, target_header;
};

Refusal refuse(const Loading& l, const Table& t, int error, const char* code, std::string log,
               const char* remedy = damaged) {
    return {error, code, std::move(log), remedy, l.at_section(t.target)};
}

bool fits(const Table& t, std::uint64_t offset, std::uint64_t width) {
    return offset < t.target_header.sh_size && offset + width <= t.target_header.sh_size;
}

Step relocate_one(Loading& l, const Table& t, std::uint64_t number) {
    const std::uint64_t at = number * t.header.sh_entsize;
    // the table may itself have been loaded, and then is read where it now is
    const LoadingSection& table = l.sections[t.index];
    const Address from = l.rules.reworked_sections ? table.address : table.data;
    const auto r = l.machine.get<Elf64_Rela>(from + at);
    const std::uint32_t index = ELF64_R_SYM(r.r_info);
    const Address place = l.sections[t.target].address + r.r_offset;
    // 0 is a null pointer there, and the number behind the last reads what follows the array
    if (!l.rules.checks_relocation_symbols && (index == STN_UNDEF || index == l.symbols.size()))
        throw Fault{0, false};
    if (index == STN_UNDEF)
        return refuse(l, t, -EOPNOTSUPP, "load.relocations.no-symbol", "Encountered STN_UNDEF",
                      "Every relocation, R_X86_64_NONE included, needs a symbol.");
    if (index >= l.symbols.size())
        return refuse(l, t, -EINVAL, "load.relocations.symbol",
                      fmt::format("Relative relocation wants symbol@{} which is past end", index));
    const LoadingSymbol& symbol = l.symbols[index];
    if (symbol.ignored)
        return refuse(
            l, t, -EINVAL, "load.relocations.ignored-symbol",
            fmt::format("Relocation against ignored symbol {} cannot be resolved", symbol.name),
            "The symbol's section is not loaded, because it lacks SHF_ALLOC.");
    const std::uint64_t value = static_cast<std::uint64_t>(r.r_addend) + l.symbol(index).st_value;
    const auto past_end = [&] {
        return refuse(l, t, -EINVAL, "load.relocations.offset",
                      fmt::format("Relative relocation offset is past {} section",
                                  l.sections[t.target].name));
    };
    switch (const std::uint32_t type = ELF64_R_TYPE(r.r_info)) {
    case R_X86_64_NONE:
        return {};
    case R_X86_64_64:
        if (!fits(t, r.r_offset, 8))
            return past_end();
        l.machine.put(place, value);
        return {};
    case R_X86_64_PLT32:
    case R_X86_64_PC32: {
        if (!fits(t, r.r_offset, 4))
            return past_end();
        const auto difference = static_cast<std::int64_t>(value - place);
        const auto stored = static_cast<std::int32_t>(difference);
        l.machine.put(place, stored);
        if (stored != difference)
            return refuse(l, t, -EOVERFLOW, "load.relocations.overflow",
                          fmt::format("Overflow in relocation {} in {} for {}", number, table.name,
                                      l.sections[t.target].name),
                          "The symbol is not within 2 GiB of the payload.");
        return {};
    }
    default:
        return refuse(l, t, -EOPNOTSUPP, "load.relocations.type",
                      fmt::format("Unhandled relocation {}", type),
                      "Xen's loader supports R_X86_64_NONE, 64, PC32 and PLT32: compile with -fpic "
                      "and hidden visibility.");
    }
}

} // namespace

std::vector<AppliedRelocation> relocations_of(const Loading& l, std::uint32_t target) {
    std::vector<AppliedRelocation> all;
    for (std::uint32_t i = 1; i < l.sections.size(); ++i) {
        const Elf64_Shdr h = l.section_header(i);
        if (h.sh_type != SHT_RELA || !h.sh_info || h.sh_info >= l.sections.size()
            || (target && h.sh_info != target) || !l.sections[h.sh_info].placed
            || h.sh_entsize < sizeof(Elf64_Rela))
            continue;
        for (std::uint64_t n = 0; n < h.sh_size / h.sh_entsize; ++n) {
            if (all.size() == max_relocations)
                return all;
            AppliedRelocation r{h.sh_info, {}};
            r.entry = l.machine.get<Elf64_Rela>(l.sections[i].data + n * h.sh_entsize);
            if (r.symbol() != STN_UNDEF && r.symbol() < l.symbols.size())
                all.push_back(r);
        }
    }
    return all;
}

Step relocate(Loading& l) {
    std::uint64_t done = 0;
    for (std::uint32_t i = 1; i < l.sections.size(); ++i) {
        const Elf64_Shdr h = l.section_header(i);
        if ((h.sh_type != SHT_RELA && h.sh_type != SHT_REL) || h.sh_info >= l.sections.size())
            continue;
        const Table t{i, h.sh_info, h, l.section_header(h.sh_info)};
        if (!(t.target_header.sh_flags & SHF_ALLOC))
            continue;
        if (h.sh_link != l.symbol_table)
            return refuse(l, t, -EINVAL, "load.relocations.link",
                          fmt::format("Relative link of {} is incorrect ({}, expected={})",
                                      l.sections[i].name, static_cast<std::int32_t>(h.sh_link),
                                      l.symbol_table));
        if (!h.sh_size)
            continue;
        if (h.sh_entsize < (h.sh_type == SHT_RELA ? sizeof(Elf64_Rela) : sizeof(Elf64_Rel))
            || h.sh_size % h.sh_entsize)
            return refuse(l, t, -EINVAL, "load.relocations.table",
                          "Section relative header is corrupted");
        if (h.sh_type == SHT_REL)
            return refuse(l, t, -EOPNOTSUPP, "load.relocations.rel",
                          "SHT_REL relocation unsupported", "x86-64 uses SHT_RELA.");
        const std::uint64_t count = h.sh_size / h.sh_entsize;
        for (std::uint64_t n = 0; n < count; ++n) {
            if (++done > max_relocations)
                return refuse(l, t, -ENOMEM, "load.limit", {},
                              "The relocation sections overlap in the file; the model stops here.");
            if (Step refusal = relocate_one(l, t, n))
                return refusal;
        }
    }
    return {};
}

} // namespace xlp::load
