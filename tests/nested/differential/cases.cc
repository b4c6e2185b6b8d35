// SPDX-License-Identifier: GPL-2.0-only
#include "tests/nested/differential/cases.h"

#include "payload/base/bytes.h"

#include <fmt/format.h>
#include <random>

namespace xlp::differential {

using sample::Builder;
using sample::Raw;

void Cases::bytes(const std::string& name, Bytes b, bool reduced) {
    all_.push_back({name, std::move(b), reduced});
}

void Cases::raw(const std::string& name, const std::function<void(const Raw&)>& damage,
                bool reduced) {
    Bytes b = good_;
    damage(Raw(b));
    bytes(name, std::move(b), reduced);
}

void Cases::built(const std::string& name, const std::function<void(Builder&)>& change,
                  bool reduced) {
    Builder b = sample::make(target_);
    change(b);
    bytes(name, sample::bytes_of(b), reduced);
}

void add_header_cases(Cases& c) {
    c.bytes("good", c.good(), true);
    c.bytes("header.truncated-63", Bytes(c.good().begin(), c.good().begin() + 63), true);
    c.bytes("header.truncated-64", Bytes(c.good().begin(), c.good().begin() + 64));
    for (unsigned part = 1; part < 8; ++part)
        c.bytes(fmt::format("header.truncated-{}-8", part),
                Bytes(c.good().begin(),
                      c.good().begin() + static_cast<long>(c.good().size() * part / 8)));
    struct Field {
        const char* name;
        std::size_t offset;
        unsigned size;
        std::vector<std::uint64_t> values;
        bool reduced = false;
    };
    const std::uint64_t sections = Raw(const_cast<Bytes&>(c.good())).header().e_shnum;
    const std::uint64_t table = Raw(const_cast<Bytes&>(c.good())).header().e_shoff;
    const Field fields[] = {
        {"magic", 0, 1, {0, 0x7e}, true},
        {"class", EI_CLASS, 1, {0, 1, 3}},
        {"data", EI_DATA, 1, {0, 2}},
        {"ident-version", EI_VERSION, 1, {0, 2}},
        {"osabi", EI_OSABI, 1, {3, 9, 255}, true},
        {"abiversion", EI_ABIVERSION, 1, {1}},
        {"type", offsetof(Elf64_Ehdr, e_type), 2, {0, 2, 3}, true},
        {"machine", offsetof(Elf64_Ehdr, e_machine), 2, {0, 3, 183}, true},
        {"version", offsetof(Elf64_Ehdr, e_version), 4, {0, 2}},
        {"entry", offsetof(Elf64_Ehdr, e_entry), 8, {1}},
        {"phoff", offsetof(Elf64_Ehdr, e_phoff), 8, {1, 64}},
        {"shoff",
         offsetof(Elf64_Ehdr, e_shoff),
         8,
         {0, 1, table - 64, table + 64, c.good().size() - 1, c.good().size(), ~0ULL, 1ULL << 63}},
        {"flags", offsetof(Elf64_Ehdr, e_flags), 4, {7}},
        {"ehsize", offsetof(Elf64_Ehdr, e_ehsize), 2, {0}},
        {"phnum", offsetof(Elf64_Ehdr, e_phnum), 2, {1, 65535}, true},
        {"shentsize", offsetof(Elf64_Ehdr, e_shentsize), 2, {0, 63, 65, 128}, true},
        {"shnum",
         offsetof(Elf64_Ehdr, e_shnum),
         2,
         {0, 1, 2, sections - 1, sections + 1, 1023, 1024, 65535}},
        {"shstrndx",
         offsetof(Elf64_Ehdr, e_shstrndx),
         2,
         {0, 1, sections - 2, sections, 65535},
         true},
    };
    for (const Field& f : fields)
        for (std::uint64_t value : f.values)
            c.raw(
                fmt::format("header.{}.{:#x}", f.name, value),
                [&](const Raw& r) { std::memcpy(&r.at<char>(f.offset), &value, f.size); },
                value == f.values.front() && f.reduced);
}

void add_section_cases(Cases& c) {
    struct Damage {
        const char* name;
        void (*apply)(Elf64_Shdr&);
        bool reduced;
    };
    static const Damage damages[] = {
        {"offset-0", [](Elf64_Shdr& s) { s.sh_offset = 0; }, false},
        {"offset-63", [](Elf64_Shdr& s) { s.sh_offset = 63; }, true},
        {"offset-far", [](Elf64_Shdr& s) { s.sh_offset = 1U << 30; }, false},
        {"offset-wraps", [](Elf64_Shdr& s) { s.sh_offset = -s.sh_size; }, false},
        {"size-wraps", [](Elf64_Shdr& s) { s.sh_size = -s.sh_offset; }, false},
        {"size-wraps-24", [](Elf64_Shdr& s) { s.sh_size = (-s.sh_offset / 24 + 1) * 24; }, false},
        {"size-0", [](Elf64_Shdr& s) { s.sh_size = 0; }, false},
        {"size-1", [](Elf64_Shdr& s) { s.sh_size = 1; }, false},
        {"size-more", [](Elf64_Shdr& s) { s.sh_size += 1; }, false},
        {"size-less", [](Elf64_Shdr& s) { s.sh_size -= 1; }, false},
        {"size-far", [](Elf64_Shdr& s) { s.sh_size = 1U << 30; }, true},
        {"align-3", [](Elf64_Shdr& s) { s.sh_addralign = 3; }, true},
        {"align-0", [](Elf64_Shdr& s) { s.sh_addralign = 0; }, false},
        {"align-8192", [](Elf64_Shdr& s) { s.sh_addralign = 8192; }, false},
        {"align-2G", [](Elf64_Shdr& s) { s.sh_addralign = 1ULL << 31; }, false},
        {"address-1",
         [](Elf64_Shdr& s) {
             s.sh_addr = 1;
             s.sh_addralign = 8;
         },
         false},
        {"name-far", [](Elf64_Shdr& s) { s.sh_name = 1U << 20; }, false},
        {"name-0", [](Elf64_Shdr& s) { s.sh_name = 0; }, true},
        {"link-0", [](Elf64_Shdr& s) { s.sh_link = 0; }, true},
        {"link-far", [](Elf64_Shdr& s) { s.sh_link = 1000; }, false},
        {"info-0", [](Elf64_Shdr& s) { s.sh_info = 0; }, false},
        {"info-far", [](Elf64_Shdr& s) { s.sh_info = 1000; }, false},
        {"entsize-0", [](Elf64_Shdr& s) { s.sh_entsize = 0; }, false},
        {"entsize-odd", [](Elf64_Shdr& s) { s.sh_entsize = 25; }, false},
        {"type-null", [](Elf64_Shdr& s) { s.sh_type = SHT_NULL; }, false},
        {"type-nobits", [](Elf64_Shdr& s) { s.sh_type = SHT_NOBITS; }, false},
        {"type-rel", [](Elf64_Shdr& s) { s.sh_type = SHT_REL; }, false},
        {"type-symtab", [](Elf64_Shdr& s) { s.sh_type = SHT_SYMTAB; }, false},
        {"flag-alloc", [](Elf64_Shdr& s) { s.sh_flags ^= SHF_ALLOC; }, false},
        {"flag-write", [](Elf64_Shdr& s) { s.sh_flags ^= SHF_WRITE; }, false},
        {"flag-exec", [](Elf64_Shdr& s) { s.sh_flags ^= SHF_EXECINSTR; }, false},
    };
    Bytes good = c.good();
    const Raw original(good);
    for (std::size_t i = 1; i < original.header().e_shnum; ++i)
        for (const Damage& d : damages)
            c.raw(
                fmt::format("sections.{}.{}", original.name_of(original.section(i)), d.name),
                [&](const Raw& r) { d.apply(r.section(i)); },
                d.reduced && (i == 4 || original.section(i).sh_type == SHT_SYMTAB));
    c.raw("sections.bss-2M+1", [](const Raw& r) { r.section(".bss.xlp").sh_size = 0x200001; });
    c.raw("sections.bss-2M", [](const Raw& r) { r.section(".bss.xlp").sh_size = 0x200000; });
    for (const char* table : {".strtab", ".shstrtab"}) {
        c.raw(fmt::format("sections.{}.first-byte", table),
              [&](const Raw& r) { r.in<char>(table, 0) = 'x'; });
        c.raw(
            fmt::format("sections.{}.last-byte", table),
            [&](const Raw& r) { r.in<char>(table, r.section(table).sh_size - 1) = 'x'; }, true);
    }
}

void add_symbol_cases(Cases& c) {
    Bytes good = c.good();
    const Raw original(good);
    const std::uint16_t past = original.header().e_shnum;
    for (std::size_t i = 1; i < original.symbol_count(); ++i) {
        const std::string_view known = original.name_of(original.symbol(i));
        const std::string name = known.empty() ? fmt::format("{}", i) : std::string(known);
        for (std::uint16_t index : {std::uint16_t{SHN_UNDEF}, std::uint16_t{SHN_COMMON},
                                    std::uint16_t{SHN_ABS}, std::uint16_t{SHN_XINDEX},
                                    std::uint16_t{SHN_LORESERVE}, past, std::uint16_t(past - 1)})
            c.raw(
                fmt::format("symbols.{}.section-{:#x}", name, index),
                [&](const Raw& r) { r.symbol(i).st_shndx = index; }, name == "xlp_new");
        c.raw(fmt::format("symbols.{}.name-far", name),
              [&](const Raw& r) { r.symbol(i).st_name = 1U << 20; });
        c.raw(fmt::format("symbols.{}.name-0", name),
              [&](const Raw& r) { r.symbol(i).st_name = 0; });
        c.raw(fmt::format("symbols.{}.weak", name),
              [&](const Raw& r) { r.symbol(i).st_info = ELF64_ST_INFO(STB_WEAK, STT_NOTYPE); });
        c.raw(fmt::format("symbols.{}.value-far", name),
              [&](const Raw& r) { r.symbol(i).st_value = 1ULL << 40; });
    }
    c.built(
        "symbols.unknown", [](Builder& b) { b.symbol("no_such_symbol"); }, true);
    c.built(
        "symbols.duplicate-of-core", [](Builder& b) { b.symbol("do_xen_version", 1, 24); }, true);
    c.built("symbols.local-like-core", [](Builder& b) {
        b.symbol("do_xen_version", 1, 24);
        b.object.symbols.back().bind = STB_LOCAL;
    });
    c.built("symbols.twice", [](Builder& b) {
        b.symbol("xlp_twice", 1, 24);
        b.symbol("xlp_twice", 1, 25);
    });
    c.built("symbols.dot-L-in-merged", [](Builder& b) { b.symbol(".LC0", 2, 0); });
    c.built("symbols.like-core-in-merged", [](Builder& b) { b.symbol("do_xen_version", 2, 0); });
    for (std::size_t length : {126U, 127U, 128U, 5000U})
        c.built(fmt::format("symbols.long-{}", length),
                [&](Builder& b) { b.symbol(std::string(length, 'n'), 1, 24); });
    c.built("symbols.long-unknown", [](Builder& b) { b.symbol(std::string(500, 'n')); });
    c.built("symbols.init", [](Builder& b) { b.symbol("__init_begin"); });
}

void add_relocation_cases(Cases& c) {
    Bytes good = c.good();
    const Raw original(good);
    std::vector<const char*> targets = {".text.xlp_new", ".livepatch.funcs", ".bug_frames.1",
                                        ".altinstructions", ".ex_table"};
    if (c.target().shape.hooks)
        targets.push_back(".livepatch.hooks.load");
    for (const char* target : targets) {
        const std::size_t count =
            original.section(std::string(".rela") + target).sh_size / sizeof(Elf64_Rela);
        const auto size = std::uint64_t{original.section(target).sh_size};
        for (std::size_t n = 0; n < count; ++n) {
            const auto add = [&](const char* what, auto damage) {
                c.raw(
                    fmt::format("relocations.{}.{}.{}", target, n, what),
                    [&](const Raw& r) { damage(r.relocation(target, n)); },
                    n == 0 && target == std::string_view(".livepatch.funcs")
                        && (what == std::string_view("type-11")
                            || what == std::string_view("symbol-0")
                            || what == fmt::format("offset-{:#x}", size)));
            };
            for (std::uint32_t type : {0U, 1U, 2U, 3U, 4U, 9U, 10U, 11U, 24U, 42U, 255U})
                add(fmt::format("type-{}", type).c_str(),
                    [&](Elf64_Rela& r) { r.r_info = ELF64_R_INFO(ELF64_R_SYM(r.r_info), type); });
            for (std::uint32_t symbol : {0U, 1U, 1000000U})
                add(fmt::format("symbol-{}", symbol).c_str(), [&](Elf64_Rela& r) {
                    r.r_info = ELF64_R_INFO(symbol, ELF64_R_TYPE(r.r_info));
                });
            for (std::uint64_t offset :
                 {size, size - 3, size - 4, size - 8, ~std::uint64_t{3}, ~std::uint64_t{0}})
                add(fmt::format("offset-{:#x}", offset).c_str(),
                    [&](Elf64_Rela& r) { r.r_offset = offset; });
            add("addend-4G", [](Elf64_Rela& r) { r.r_addend += 1LL << 32; });
            add("addend-1", [](Elf64_Rela& r) { r.r_addend += 1; });
        }
    }
    c.built("relocations.ignored-symbol", [](Builder& b) {
        std::uint32_t comment = 0;
        for (std::uint32_t i = 0; i < b.object.sections.size(); ++i)
            if (b.object.sections[i].name == ".comment")
                comment = i + 1;
        const std::uint32_t symbol = b.symbol("xlp_in_comment", comment);
        b.relocate(1, 12, R_X86_64_PC32, symbol);
    });
    c.built("relocations.init",
            [](Builder& b) { b.relocate(1, 12, R_X86_64_PC32, b.symbol("__init_begin")); });
}

void add_random_cases(Cases& c, unsigned seed, unsigned count) {
    std::mt19937 random(seed);
    Bytes good = c.good();
    const Raw original(good);
    // code is not damaged: what it does when it runs is not the loader's affair
    std::vector<std::uint64_t> offsets;
    const auto add_range = [&](std::uint64_t offset, std::uint64_t size) {
        for (std::uint64_t i = 0; i < size; ++i)
            offsets.push_back(offset + i);
    };
    add_range(0, sizeof(Elf64_Ehdr));
    add_range(original.header().e_shoff, original.header().e_shnum * sizeof(Elf64_Shdr));
    for (std::size_t i = 1; i < original.header().e_shnum; ++i) {
        const Elf64_Shdr& s = original.section(i);
        if (s.sh_type != SHT_NOBITS && !(s.sh_flags & SHF_EXECINSTR))
            add_range(s.sh_offset, s.sh_size);
    }
    static constexpr std::uint8_t values[] = {0, 1, 0x7f, 0x80, 0xff};
    for (unsigned n = 0; n < count; ++n) {
        Bytes damaged = c.good();
        const unsigned changes = 1 + random() % 3;
        for (unsigned i = 0; i < changes; ++i) {
            std::uint8_t& byte = damaged[offsets[random() % offsets.size()]];
            if (random() % 2)
                byte ^= static_cast<std::uint8_t>(1U << random() % 8);
            else
                byte = values[random() % std::size(values)];
        }
        c.bytes(fmt::format("random.{}-{}", seed, n), std::move(damaged), n < 5);
    }
}

} // namespace xlp::differential
