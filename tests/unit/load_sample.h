// SPDX-License-Identifier: GPL-2.0-only
// A good payload that has something of everything, made in memory, and a way to damage it.
#pragma once

#include "payload/base/bytes.h"
#include "payload/elf/note.h"
#include "payload/elf/writer.h"
#include "payload/xen/contract.h"

#include <array>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace xlp::sample {

// What differs between versions; as it stands, that of 4.14 and later.
struct Shape {
    unsigned record_version = 2;
    std::size_t record_size = 104, alternative_size = 14;
    bool hooks = true; // 4.7 has none, and no no-operations

    std::vector<const char*> hook_sections() const {
        if (!hooks)
            return {};
        if (record_version == 1)
            return {".livepatch.hooks.load", ".livepatch.hooks.unload"};
        return {".livepatch.hooks.load", ".livepatch.hooks.unload", ".livepatch.hooks.preapply",
                ".livepatch.hooks.postapply"};
    }
};

inline Shape shape_of(xen::Version v) {
    Shape shape;
    if (!has(v, xen::Feature::records_v2))
        shape = {1, 64, 14, has(v, xen::Feature::hooks)};
    if (!has(v, xen::Feature::long_alternatives))
        shape.alternative_size = 12;
    return shape;
}

// What the payload is for. The first function must be global and return a string, as
// xen_extra_version() does: then the payload can be applied to a real hypervisor.
struct Target {
    elf::BuildId xen_id;
    std::string function;
    std::uint32_t function_size = 0;
    std::string second; // never runs: overwritten with no-operations
    std::uint32_t second_size = 0;
    Shape shape = {};
};

inline Bytes bytes_of(std::string_view text) {
    return {text.begin(), text.end()};
}

// Collects sections and symbols of a NewObject, by name.
class Builder {
public:
    std::uint32_t section(std::string name, std::uint64_t flags, Bytes bytes,
                          std::uint64_t align = 1, std::uint32_t type = SHT_PROGBITS) {
        elf::NewSection s;
        s.name = std::move(name);
        s.type = type;
        s.flags = flags;
        s.align = align;
        if (type == SHT_NOBITS)
            s.nobits_size = bytes.size();
        else
            s.bytes = std::move(bytes);
        object.sections.push_back(std::move(s));
        return static_cast<std::uint32_t>(object.sections.size()); // as NewSymbol::section has it
    }
    std::uint32_t symbol(std::string name, std::uint32_t section = SHN_UNDEF,
                         std::uint64_t value = 0, std::uint64_t size = 0,
                         std::uint8_t type = STT_NOTYPE) {
        const std::uint8_t bind = name.empty() || name[0] == '.' ? STB_LOCAL : STB_GLOBAL;
        object.symbols.push_back({std::move(name), value, size, section, bind, type});
        return static_cast<std::uint32_t>(object.symbols.size() - 1);
    }
    std::uint32_t section_symbol(std::uint32_t section) {
        object.symbols.push_back({{}, 0, 0, section, STB_LOCAL, STT_SECTION});
        return static_cast<std::uint32_t>(object.symbols.size() - 1);
    }
    void relocate(std::uint32_t section, std::uint64_t offset, std::uint32_t type,
                  std::uint32_t symbol, std::int64_t addend = 0) {
        object.sections[section - 1].relocations.push_back({offset, type, symbol, addend});
    }

    elf::NewObject object;
};

struct Record {
    std::uint32_t new_size = 0, old_size = 0;
    Bytes expected; // empty: none
};

inline void append_record(Bytes& table, const Record& r, const Shape& shape = {}) {
    Bytes record(shape.record_size);
    std::memcpy(&record[24], &r.new_size, 4);
    std::memcpy(&record[28], &r.old_size, 4);
    record[32] = static_cast<std::uint8_t>(shape.record_version);
    if (!r.expected.empty()) {
        record[72] = static_cast<std::uint8_t>(1 | r.expected.size() << 1);
        std::memcpy(&record[73], r.expected.data(), r.expected.size());
    }
    table.insert(table.end(), record.begin(), record.end());
}

// Offsets in the sample's .text.xlp_new.
inline constexpr std::uint64_t new_size = 21, helper_at = 24, hook_at = 32, text_size = 40;
inline constexpr std::uint64_t alternative_at = 16;

inline void add_code(Builder& b, std::uint32_t& text, std::uint32_t& text_symbol,
                     std::uint32_t& strings_symbol) {
    text = b.section(".text.xlp_new", SHF_ALLOC | SHF_EXECINSTR,
                     {0xf3, 0x0f, 0x1e, 0xfa,                   // xlp_new: endbr64
                      0xe8, 0,    0,    0,    0,                //   call xlp_helper
                      0x48, 0x8d, 0x05, 0,    0,    0,    0,    //   lea text(%rip), %rax
                      0x0f, 0x1f, 0x00, 0x90,                   //   nopl (%rax); nop
                      0xc3, 0x90, 0x90, 0x90,                   //   ret
                      0xc3, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, //
                      0x90,                                     // xlp_helper: ret
                      0xf3, 0x0f, 0x1e, 0xfa, 0x31, 0xc0, 0xc3, // xlp_hook: endbr64; xor; ret
                      0x90},
                     16);
    const std::uint32_t strings = b.section(".rodata.str1.1", SHF_ALLOC | SHF_MERGE | SHF_STRINGS,
                                            bytes_of(std::string_view("-xlp\0file.c\0", 12)), 1);
    b.object.sections.back().entsize = 1;
    text_symbol = b.section_symbol(text);
    strings_symbol = b.section_symbol(strings);
    b.relocate(text, 5, R_X86_64_PLT32, text_symbol, static_cast<std::int64_t>(helper_at) - 4);
    b.relocate(text, 12, R_X86_64_PC32, strings_symbol, -4);
}

inline void add_tables(Builder& b, std::uint32_t text_symbol, std::uint32_t strings_symbol,
                       const Shape& shape) {
    const std::uint32_t frames = b.section(".bug_frames.1", SHF_ALLOC, Bytes(8), 4);
    b.relocate(frames, 0, R_X86_64_PC32, text_symbol, 5);
    b.relocate(frames, 4, R_X86_64_PC32, strings_symbol, 5 + (0x15 << 24)); // a line number
    const std::uint32_t replacement =
        b.section(".altinstr_replacement", SHF_ALLOC | SHF_EXECINSTR, {0x0f, 0x1f, 0x00});
    const std::uint32_t replacement_symbol = b.section_symbol(replacement);
    Bytes alternative(shape.alternative_size);
    alternative[8] = 6; // cpuid: PAE, which every x86-64 has
    alternative[10] = 3;
    alternative[11] = 3;
    const std::uint32_t alternatives = b.section(".altinstructions", SHF_ALLOC, alternative);
    b.relocate(alternatives, 0, R_X86_64_PC32, text_symbol, alternative_at);
    b.relocate(alternatives, 4, R_X86_64_PC32, replacement_symbol, 0);
    const std::uint32_t exceptions = b.section(".ex_table", SHF_ALLOC, Bytes(16), 4);
    for (std::uint64_t i = 0; i < 4; ++i)
        b.relocate(exceptions, 4 * i, R_X86_64_PC32, text_symbol,
                   static_cast<std::int64_t>(i < 2 ? 9 : 4));
    b.section(".modinfo", SHF_ALLOC, bytes_of(std::string_view("name=sample\0", 12)));
}

inline void add_notes(Builder& b, const elf::BuildId& xen, const elf::BuildId& depends,
                      const elf::BuildId& own) {
    b.section(".livepatch.depends", SHF_ALLOC, elf::make_build_id_note(depends), 4, SHT_NOTE);
    b.section(".livepatch.xen_depends", SHF_ALLOC, elf::make_build_id_note(xen), 4, SHT_NOTE);
    b.section(".note.gnu.build-id", SHF_ALLOC, elf::make_build_id_note(own), 4, SHT_NOTE);
}

// Everything that a loader looks at, in one payload that can be applied.
inline Builder make(const Target& t) {
    Builder b;
    std::uint32_t text = 0, text_symbol = 0, strings_symbol = 0;
    add_code(b, text, text_symbol, strings_symbol);
    b.symbol("xlp_new", text, 0, new_size, STT_FUNC);
    b.symbol("xlp_helper", text, helper_at, 1, STT_FUNC);
    const std::uint32_t names =
        b.section(".livepatch.strings", SHF_ALLOC,
                  bytes_of(t.function + std::string(1, '\0') + t.second + std::string(1, '\0')));
    const std::uint32_t names_symbol = b.section_symbol(names);

    Bytes table;
    append_record(table, {static_cast<std::uint32_t>(new_size), t.function_size, {}}, t.shape);
    append_record(table, {8, t.second_size, {}}, t.shape); // no-operations
    const std::uint32_t funcs =
        b.section(".livepatch.funcs", SHF_ALLOC | SHF_WRITE, std::move(table), 8);
    const std::uint32_t old = b.symbol(t.function);
    b.relocate(funcs, 0, R_X86_64_64, names_symbol, 0);
    b.relocate(funcs, 8, R_X86_64_64, text_symbol, 0);
    b.relocate(funcs, 16, R_X86_64_64, old, 0);
    // the second is found by name
    b.relocate(funcs, t.shape.record_size, R_X86_64_64, names_symbol,
               static_cast<std::int64_t>(t.function.size() + 1));
    if (!t.shape.hooks) // a jump, then
        b.relocate(funcs, t.shape.record_size + 8, R_X86_64_64, text_symbol, helper_at);

    for (const char* hook : t.shape.hook_sections()) {
        const std::uint32_t section = b.section(hook, SHF_ALLOC, Bytes(8), 8);
        b.relocate(section, 0, R_X86_64_64, text_symbol, hook_at);
    }
    add_tables(b, text_symbol, strings_symbol, t.shape);
    b.section(".data.xlp", SHF_ALLOC | SHF_WRITE, Bytes(16, 0x11), 8);
    b.section(".bss.xlp", SHF_ALLOC | SHF_WRITE, Bytes(100), 16, SHT_NOBITS);
    b.section(".comment", 0, bytes_of("sample"));
    add_notes(b, t.xen_id, t.xen_id, bytes_of("the sample's own id."));
    return b;
}

inline Bytes bytes_of(const Builder& b) {
    auto bytes = elf::write_object(b.object);
    if (!bytes)
        throw std::runtime_error(bytes.error().front().why);
    return *bytes;
}

// A value in bytes, aligned or not.
template <class T>
class Field {
public:
    explicit Field(std::uint8_t* at) : at_(at) {}
    operator T() const {
        T value;
        std::memcpy(&value, at_, sizeof value);
        return value;
    }
    void operator=(T value) const { std::memcpy(at_, &value, sizeof value); }
    void operator^=(T value) const { *this = static_cast<T>(*this ^ value); }

private:
    std::uint8_t* at_;
};

// Field by field access to a payload's bytes.
class Raw {
public:
    explicit Raw(Bytes& bytes) : bytes_(bytes) {}

    template <class T>
    T& at(std::uint64_t offset) const {
        if (offset + sizeof(T) > bytes_.size())
            throw std::out_of_range("sample::Raw::at");
        return *reinterpret_cast<T*>(bytes_.data() + offset);
    }
    Elf64_Ehdr& header() const { return at<Elf64_Ehdr>(0); }
    Elf64_Shdr& section(std::size_t index) const {
        return at<Elf64_Shdr>(header().e_shoff + index * sizeof(Elf64_Shdr));
    }
    std::string_view name_of(const Elf64_Shdr& s) const {
        return &at<char>(section(header().e_shstrndx).sh_offset + s.sh_name);
    }
    std::size_t index_of(std::string_view name) const {
        for (std::size_t i = 1; i < header().e_shnum; ++i)
            if (name_of(section(i)) == name)
                return i;
        throw std::out_of_range("no section " + std::string(name));
    }
    Elf64_Shdr& section(std::string_view name) const { return section(index_of(name)); }
    std::size_t symbol_count() const { return section(".symtab").sh_size / sizeof(Elf64_Sym); }
    Elf64_Sym& symbol(std::size_t index) const {
        return at<Elf64_Sym>(section(".symtab").sh_offset + index * sizeof(Elf64_Sym));
    }
    std::string_view name_of(const Elf64_Sym& s) const {
        return &at<char>(section(".strtab").sh_offset + s.st_name);
    }
    Elf64_Sym& symbol(std::string_view name) const {
        for (std::size_t i = 1; i < symbol_count(); ++i)
            if (name_of(symbol(i)) == name)
                return symbol(i);
        throw std::out_of_range("no symbol " + std::string(name));
    }
    // Number `n` of those for the section.
    Elf64_Rela& relocation(std::string_view target, std::size_t n) const {
        return at<Elf64_Rela>(section(".rela" + std::string(target)).sh_offset
                              + n * sizeof(Elf64_Rela));
    }
    template <class T>
    Field<T> in(std::string_view name, std::uint64_t offset) const {
        return Field<T>(reinterpret_cast<std::uint8_t*>(
            &at<std::array<std::uint8_t, sizeof(T)>>(section(name).sh_offset + offset)));
    }

private:
    Bytes& bytes_;
};

} // namespace xlp::sample
