// SPDX-License-Identifier: GPL-2.0-only
// An x86-64 ELF file in memory: sections, symbols, relocations. Reading validates every offset and
// index once, so that users of an Object need no further checks.
#pragma once

#include "payload/base/bytes.h"
#include "payload/base/result.h"

#include <cstdint>
#include <elf.h>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace xlp::elf {

// Longest symbol or section name that is accepted, in bytes.
inline constexpr std::size_t max_name_size = 4096;

struct Relocation {
    std::uint64_t offset = 0; // in the section that it applies to
    std::uint32_t type = 0;   // R_X86_64_*
    std::uint32_t symbol = 0; // index into Object::symbols()
    std::int64_t addend = 0;

    bool operator==(const Relocation&) const = default;
};

struct Section {
    std::string_view name;
    std::uint32_t index = 0;
    std::uint32_t type = SHT_NULL;
    std::uint64_t flags = 0;
    std::uint64_t address = 0; // of a linked file; 0 in an object
    std::uint64_t size = 0;    // in memory; bytes.size() unless NOBITS
    std::uint64_t align = 1;   // at least 1
    std::uint64_t entsize = 0;
    std::uint32_t link = 0;
    std::uint32_t info = 0;
    View bytes;                          // empty for NOBITS
    std::vector<Relocation> relocations; // by ascending offset

    bool alloc() const { return flags & SHF_ALLOC; }
    bool writable() const { return flags & SHF_WRITE; }
    bool executable() const { return flags & SHF_EXECINSTR; }
    bool mergeable() const { return flags & SHF_MERGE; }
    bool strings() const { return (flags & SHF_MERGE) && (flags & SHF_STRINGS); }
};

struct Symbol {
    std::string_view name;
    std::string_view file; // of a local symbol: the name of the STT_FILE symbol before it
    std::uint64_t value = 0;
    std::uint64_t size = 0;
    std::uint32_t section = SHN_UNDEF; // index, or SHN_UNDEF, SHN_ABS, SHN_COMMON
    std::uint8_t bind = STB_LOCAL;
    std::uint8_t type = STT_NOTYPE;
    std::uint8_t visibility = STV_DEFAULT;

    bool local() const { return bind == STB_LOCAL; }
    bool defined() const { return section != SHN_UNDEF && section < SHN_LORESERVE; }
    bool undefined() const { return section == SHN_UNDEF; }
};

class Object {
public:
    // Takes ET_REL and ET_EXEC/ET_DYN files, ELFCLASS64, little endian, EM_X86_64. `name` is used
    // in findings only. Memory used stays below ten times the file's size. Errors: elf.* findings
    // of kind `input`.
    static Result<Object> parse(Bytes, std::string name);
    static Result<Object> read(const std::filesystem::path&);

    const std::string& name() const { return name_; }
    View bytes() const { return *bytes_; }
    std::uint16_t type() const { return type_; } // ET_*
    bool relocatable() const { return type_ == ET_REL; }

    const std::vector<Section>& sections() const { return sections_; } // [0] is the null section
    const std::vector<Symbol>& symbols() const { return symbols_; }    // [0] is the null symbol
    const Section* section(std::string_view name) const; // first of that name, or null
    // The section that defines the symbol; null for undefined, absolute and common ones.
    const Section* section_of(const Symbol& s) const {
        return s.defined() ? &sections_[s.section] : nullptr;
    }

private:
    friend class Reader;
    std::string name_;
    std::shared_ptr<const Bytes> bytes_; // what the views point into
    std::uint16_t type_ = ET_NONE;
    std::vector<Section> sections_;
    std::vector<Symbol> symbols_;
};

} // namespace xlp::elf
