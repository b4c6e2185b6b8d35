// SPDX-License-Identifier: GPL-2.0-only
// Canonical writing of an x86-64 object: the same content always gives the same bytes.
#pragma once

#include "payload/base/bytes.h"
#include "payload/elf/object.h"

#include <string>
#include <vector>

namespace xlp::elf {

struct NewSection {
    std::string name;
    std::uint32_t type = SHT_PROGBITS;
    std::uint64_t flags = SHF_ALLOC;
    std::uint64_t align = 1;   // a power of two
    std::uint64_t address = 0; // of a linked file
    std::uint64_t entsize = 0;
    Bytes bytes;                         // empty for SHT_NOBITS
    std::uint64_t nobits_size = 0;       // for SHT_NOBITS only
    std::vector<Relocation> relocations; // symbol: index into NewObject::symbols

    std::uint64_t size() const { return type == SHT_NOBITS ? nobits_size : bytes.size(); }
};

struct NewSymbol {
    std::string name;
    std::uint64_t value = 0;
    std::uint64_t size = 0;
    std::uint32_t section = SHN_UNDEF; // 1 + index into NewObject::sections, or SHN_UNDEF/SHN_ABS
    std::uint8_t bind = STB_LOCAL;
    std::uint8_t type = STT_NOTYPE;
};

// What is to be written; its indices are free of ELF's ordering rules, which the writer applies.
struct NewObject {
    std::uint16_t type = ET_REL; // or ET_EXEC: symbols then have addresses
    std::vector<NewSection> sections;
    std::vector<NewSymbol> symbols;
};

// The file image: sections in the order given, then one .rela section for each that has
// relocations, then .symtab (locals first, otherwise in the order given), .strtab and .shstrtab.
// Every section header, including that of a NOBITS section, has an offset behind the ELF header,
// as Xen's loader demands (xen/common/livepatch_elf.c, elf_resolve_sections).
Result<Bytes> write_object(const NewObject&);

} // namespace xlp::elf
