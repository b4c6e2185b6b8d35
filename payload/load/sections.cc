// SPDX-License-Identifier: GPL-2.0-only
// elf_resolve_sections(), elf_resolve_section_names(), elf_get_sym() of xen/common/livepatch_elf.c.
#include "payload/load/loading.h"

namespace xlp::load {

namespace {

const char* const rebuild = "The file is damaged; rebuild the payload.";

Refusal refuse_section(const Loading& l, std::uint32_t section, int error, const char* code,
                       std::string log, std::string remedy = rebuild) {
    return {error, code, std::move(log), std::move(remedy), l.at_section(section)};
}

// elf_verify_strtab()
bool valid_string_table(const Loading& l, std::uint32_t index) {
    const Elf64_Shdr s = l.section_header(index);
    if (s.sh_type != SHT_STRTAB || !s.sh_size)
        return false;
    const Address contents = l.sections[index].data;
    return !l.machine.get<char>(contents) && !l.machine.get<char>(contents + s.sh_size - 1);
}

Step check_section(const Loading& l, std::uint32_t i, const Elf64_Shdr& s) {
    const std::uint64_t size = l.file.size();
    if (s.sh_offset < sizeof(Elf64_Ehdr))
        return refuse_section(l, i, -EINVAL, "load.sections.offset",
                              fmt::format("Section [{}] data at ELF header of payload", i),
                              "Every section header needs an offset of at least 64, including "
                              "those of empty and NOBITS sections.");
    // the sum wraps in Xen too: find_section_hazards() tells
    if (s.sh_type != SHT_NOBITS && (s.sh_offset > size || s.sh_offset + s.sh_size > size))
        return refuse_section(l, i, -EINVAL, "load.sections.past-end",
                              fmt::format("Section [{}] data is past end of payload", i));
    if (l.rules.tightened_sections && s.sh_addralign & (s.sh_addralign - 1))
        return refuse_section(
            l, i, -EOPNOTSUPP, "load.sections.alignment",
            fmt::format("Section [{}] alignment ({:#x}) is not supported", i, s.sh_addralign));
    if (l.rules.tightened_sections && s.sh_addralign && s.sh_addr % s.sh_addralign)
        return refuse_section(
            l, i, -EINVAL, "load.sections.address",
            fmt::format("Section [{}] addr ({:#x}) is not aligned properly ({:#x})", i, s.sh_addr,
                        s.sh_addralign));
    if (l.rules.hooks && (s.sh_flags & (SHF_WRITE | SHF_ALLOC)) && s.sh_type == SHT_NOBITS
        && s.sh_size > max_payload_size)
        return refuse_section(l, i, -EINVAL, "load.sections.bss-size", {},
                              "A NOBITS section may not exceed 2 MiB.");
    return {};
}

} // namespace

Step resolve_sections(Loading& l) {
    const Elf64_Ehdr h = l.header();
    l.sections.resize(h.e_shnum);
    for (std::uint32_t i = 1; i < h.e_shnum; ++i) {
        LoadingSection& section = l.sections[i];
        section.header = h.e_shoff + std::uint64_t{i} * h.e_shentsize;
        const Elf64_Shdr s = l.section_header(i);
        if (Step refusal = check_section(l, i, s))
            return refusal;
        section.data = l.file_address + s.sh_offset;
        if (l.rules.reworked_sections)
            section.address = section.data;
        if (s.sh_type != SHT_SYMTAB)
            continue;
        if (l.symbol_table)
            return refuse_section(l, i, -EOPNOTSUPP, "load.sections.symbol-tables",
                                  "Unsupported multiple symbol tables");
        l.symbol_table = i;
        if (s.sh_link >= h.e_shnum)
            return refuse_section(
                l, i, -EINVAL, "load.sections.symbol-table",
                fmt::format("Symbol table idx ({}) to strtab past end ({})", s.sh_link, h.e_shnum));
    }
    if (!l.symbol_table)
        return refuse_section(l, 0, -EINVAL, "load.sections.symbol-table", "No symbol table found",
                              "Do not strip the payload of its symbol table.");
    const Elf64_Shdr s = l.section_header(l.symbol_table);
    if (!s.sh_size || s.sh_entsize < sizeof(Elf64_Sym) || s.sh_size % s.sh_entsize)
        return refuse_section(l, l.symbol_table, -EINVAL, "load.sections.symbol-table",
                              "Symbol table header is corrupted");
    l.string_table = s.sh_link;
    if (!valid_string_table(l, l.string_table))
        return refuse_section(l, l.string_table, -EINVAL, "load.sections.string-table",
                              "String table section is corrupted");
    return {};
}

Step resolve_section_names(Loading& l) {
    const std::uint32_t table = l.header().e_shstrndx;
    if (!valid_string_table(l, table))
        return refuse_section(l, table, -EINVAL, "load.sections.names",
                              "Section string table is corrupted");
    const Elf64_Shdr names = l.section_header(table);
    for (std::uint32_t i = 1; i < l.sections.size(); ++i) {
        const Elf64_Word name = l.section_header(i).sh_name;
        if (name >= names.sh_size)
            return refuse_section(l, i, -EINVAL, "load.sections.names",
                                  fmt::format("Section {} name is not within .shstrtab", i));
        l.sections[i].name = l.name_at(names.sh_offset + name);
    }
    return {};
}

Step read_symbols(Loading& l) {
    const Elf64_Shdr table = l.section_header(l.symbol_table);
    const Elf64_Shdr strings = l.section_header(l.string_table);
    const auto count = static_cast<std::uint32_t>(table.sh_size / table.sh_entsize);
    if (count > l.file.size()) // the table's size wraps around the address space
        return refuse_section(l, l.symbol_table, -ENOMEM, "load.symbols.memory",
                              "Could not allocate memory for symbols");
    l.symbols.resize(count);
    for (std::uint32_t i = 1; i < count; ++i) {
        l.symbols[i].entry = table.sh_offset + std::uint64_t{i} * table.sh_entsize;
        const Elf64_Sym s = l.symbol(i);
        if (s.st_name >= strings.sh_size)
            return refuse_section(l, l.symbol_table, -EINVAL, "load.symbols.name",
                                  fmt::format("Symbol [{}] name is not within .strtab", i));
        l.symbols[i].name = l.name_at(strings.sh_offset + s.st_name);
    }
    return {};
}

} // namespace xlp::load
