// SPDX-License-Identifier: GPL-2.0-only
#include "load_fake_xen.h"
#include "payload/base/bytes.h"

namespace xlp::load {

namespace {

template <class T>
void append(Bytes& to, const T& value) {
    const auto* p = reinterpret_cast<const std::uint8_t*>(&value);
    to.insert(to.end(), p, p + sizeof value);
}

struct ImageSection {
    const char* name;
    std::uint32_t type;
    std::uint64_t flags;
    Address address;
    Bytes bytes;
    std::uint32_t link = 0;
    std::uint64_t entsize = 0;
};

// ELF header, contents, section headers.
Bytes write_image(std::vector<ImageSection> sections) {
    Bytes names(1);
    std::vector<Elf64_Shdr> headers(1);
    Bytes out(sizeof(Elf64_Ehdr));
    sections.push_back({".shstrtab", SHT_STRTAB, 0, 0, {}});
    for (const ImageSection& s : sections) {
        headers.push_back({});
        headers.back().sh_name = static_cast<Elf64_Word>(names.size());
        const std::string_view name = s.name;
        names.insert(names.end(), name.begin(), name.end());
        names.push_back(0);
    }
    sections.back().bytes = names;
    for (std::size_t i = 0; i < sections.size(); ++i) {
        const ImageSection& s = sections[i];
        Elf64_Shdr& h = headers[i + 1];
        h.sh_type = s.type;
        h.sh_flags = s.flags;
        h.sh_addr = s.address;
        h.sh_offset = out.size();
        h.sh_size = s.bytes.size();
        h.sh_link = s.link;
        h.sh_entsize = s.entsize;
        h.sh_addralign = 8;
        if (s.type == SHT_SYMTAB)
            h.sh_info = 1;
        if (s.type != SHT_NOBITS)
            out.insert(out.end(), s.bytes.begin(), s.bytes.end());
        out.resize((out.size() + 7) / 8 * 8);
    }
    Elf64_Ehdr e{};
    std::memcpy(e.e_ident, ELFMAG, SELFMAG);
    e.e_ident[EI_CLASS] = ELFCLASS64;
    e.e_ident[EI_DATA] = ELFDATA2LSB;
    e.e_ident[EI_VERSION] = EV_CURRENT;
    e.e_type = ET_EXEC;
    e.e_machine = EM_X86_64;
    e.e_version = EV_CURRENT;
    e.e_shoff = out.size();
    e.e_ehsize = sizeof e;
    e.e_shentsize = sizeof(Elf64_Shdr);
    e.e_shnum = static_cast<Elf64_Half>(headers.size());
    e.e_shstrndx = static_cast<Elf64_Half>(headers.size() - 1);
    for (const Elf64_Shdr& h : headers)
        append(out, h);
    std::memcpy(out.data(), &e, sizeof e);
    return out;
}

} // namespace

xen::Image FakeXen::image(xen::Version version) const {
    Bytes symtab(sizeof(Elf64_Sym)), strtab(1);
    for (const Symbol& s : symbols_) {
        Elf64_Sym symbol{};
        symbol.st_name = static_cast<Elf64_Word>(strtab.size());
        symbol.st_info = ELF64_ST_INFO(STB_GLOBAL, s.size ? STT_FUNC : STT_NOTYPE);
        symbol.st_shndx = s.value >= data ? 4 : s.value >= init ? 3 : 1;
        symbol.st_value = s.value;
        symbol.st_size = s.size;
        append(symtab, symbol);
        strtab.insert(strtab.end(), s.name.begin(), s.name.end());
        strtab.push_back(0);
    }
    const Bytes note = elf::make_build_id_note(build_id());
    auto object = elf::Object::parse(
        write_image({
            {".text", SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, base, text_},
            {".note.gnu.build-id", SHT_NOTE, SHF_ALLOC, base + 0x2000, note},
            {".init.text", SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, init, Bytes(0x1000)},
            {".data", SHT_PROGBITS, SHF_ALLOC | SHF_WRITE, data, Bytes(0x2000)},
            {".symtab", SHT_SYMTAB, 0, 0, symtab, 6, sizeof(Elf64_Sym)},
            {".strtab", SHT_STRTAB, 0, 0, strtab},
        }),
        "fake-xen-syms");
    if (!object)
        throw std::runtime_error(object.error().front().why);
    auto image = xen::Image::from(std::move(*object), version);
    if (!image)
        throw std::runtime_error(image.error().front().why);
    return std::move(*image);
}

} // namespace xlp::load
