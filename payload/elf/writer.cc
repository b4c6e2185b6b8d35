// SPDX-License-Identifier: GPL-2.0-only
#include "payload/elf/writer.h"

#include "payload/base/bytes.h"
#include "payload/base/descriptor.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <libelf.h>
#include <map>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace xlp::elf {

namespace {

// String table that stores equal strings once; starts with the empty string.
class StringTable {
public:
    std::uint32_t add(const std::string& s) {
        auto [it, fresh] = offsets_.try_emplace(s, static_cast<std::uint32_t>(bytes_.size()));
        if (fresh) {
            bytes_.insert(bytes_.end(), s.begin(), s.end());
            bytes_.push_back(0);
        }
        return it->second;
    }
    Bytes bytes_{0};

private:
    std::map<std::string, std::uint32_t> offsets_{{"", 0}};
};

// One section as libelf wants it: its buffer must outlive elf_update().
struct Prepared {
    Elf64_Shdr header{};
    View bytes;
};

class Layout {
public:
    explicit Layout(const NewObject& object) : object_(object) {}
    Result<Bytes> write();

private:
    void order_symbols();
    void add(const std::string& name, Elf64_Shdr header, View bytes);
    void prepare();
    bool update(int fd);

    const NewObject& object_;
    std::vector<std::uint32_t> symbol_index_; // of object_.symbols[i] in the file
    std::uint32_t locals_ = 1;
    Bytes symtab_;
    StringTable names_, section_names_;
    std::vector<Bytes> relas_; // reserved up front: the views must not move
    std::vector<Prepared> sections_;
};

template <class T>
void put(Bytes& out, const T& value) {
    const auto* p = reinterpret_cast<const std::uint8_t*>(&value);
    out.insert(out.end(), p, p + sizeof value);
}

void Layout::order_symbols() {
    symbol_index_.resize(object_.symbols.size());
    std::uint32_t next = 1;
    put(symtab_, Elf64_Sym{});
    for (bool local : {true, false}) {
        for (std::size_t i = 0; i < object_.symbols.size(); ++i) {
            const NewSymbol& s = object_.symbols[i];
            if ((s.bind == STB_LOCAL) != local)
                continue;
            symbol_index_[i] = next++;
            Elf64_Sym raw{};
            raw.st_name = names_.add(s.name);
            raw.st_info = ELF64_ST_INFO(s.bind, s.type);
            raw.st_shndx = static_cast<Elf64_Section>(s.section);
            raw.st_value = s.value;
            raw.st_size = s.size;
            put(symtab_, raw);
        }
        if (local)
            locals_ = next;
    }
}

void Layout::add(const std::string& name, Elf64_Shdr header, View bytes) {
    header.sh_name = section_names_.add(name);
    if (header.sh_type != SHT_NOBITS)
        header.sh_size = bytes.size();
    sections_.push_back({header, bytes});
}

void Layout::prepare() {
    order_symbols();
    std::size_t relocated = 0;
    for (const NewSection& s : object_.sections) {
        Elf64_Shdr h{};
        h.sh_type = s.type;
        h.sh_flags = s.flags;
        h.sh_addr = s.address;
        h.sh_addralign = s.align;
        h.sh_entsize = s.entsize;
        h.sh_size = s.nobits_size;
        add(s.name, h, s.bytes);
        relocated += !s.relocations.empty();
    }
    const auto symtab_index = static_cast<std::uint32_t>(object_.sections.size() + relocated + 1);
    relas_.reserve(relocated);
    for (std::size_t i = 0; i < object_.sections.size(); ++i) {
        const NewSection& s = object_.sections[i];
        if (s.relocations.empty())
            continue;
        Bytes& table = relas_.emplace_back();
        for (const Relocation& r : s.relocations)
            put(table,
                Elf64_Rela{r.offset, ELF64_R_INFO(symbol_index_[r.symbol], r.type), r.addend});
        Elf64_Shdr h{};
        h.sh_type = SHT_RELA;
        h.sh_flags = SHF_INFO_LINK;
        h.sh_addralign = 8;
        h.sh_entsize = sizeof(Elf64_Rela);
        h.sh_link = symtab_index;
        h.sh_info = static_cast<std::uint32_t>(i + 1);
        add(".rela" + s.name, h, table);
    }
    Elf64_Shdr h{};
    h.sh_type = SHT_SYMTAB;
    h.sh_addralign = 8;
    h.sh_entsize = sizeof(Elf64_Sym);
    h.sh_link = symtab_index + 1;
    h.sh_info = locals_;
    add(".symtab", h, symtab_);
    Elf64_Shdr strings{};
    strings.sh_type = SHT_STRTAB;
    strings.sh_addralign = 1;
    add(".strtab", strings, names_.bytes_);
    section_names_.add(".shstrtab"); // before its size is taken
    add(".shstrtab", strings, section_names_.bytes_);
}

bool Layout::update(int fd) {
    if (elf_version(EV_CURRENT) == EV_NONE)
        return false;
    std::unique_ptr<Elf, decltype(&elf_end)> elf(elf_begin(fd, ELF_C_WRITE, nullptr), &elf_end);
    if (!elf)
        return false;
    elf_flagelf(elf.get(), ELF_C_SET, ELF_F_LAYOUT);
    Elf64_Ehdr* ehdr = elf64_newehdr(elf.get());
    if (!ehdr)
        return false;
    ehdr->e_ident[EI_DATA] = ELFDATA2LSB;
    ehdr->e_type = object_.type;
    ehdr->e_machine = EM_X86_64;
    ehdr->e_version = EV_CURRENT;
    std::uint64_t offset = sizeof *ehdr;
    for (const Prepared& s : sections_) {
        Elf_Scn* scn = elf_newscn(elf.get());
        Elf64_Shdr* h = scn ? elf64_getshdr(scn) : nullptr;
        Elf_Data* data = scn ? elf_newdata(scn) : nullptr;
        if (!h || !data)
            return false;
        offset = (offset + s.header.sh_addralign - 1) & ~(s.header.sh_addralign - 1);
        *h = s.header;
        h->sh_offset = offset;
        data->d_align = s.header.sh_addralign;
        data->d_size = h->sh_size;
        data->d_type = ELF_T_BYTE;
        data->d_version = EV_CURRENT;
        if (h->sh_type != SHT_NOBITS) {
            data->d_buf = const_cast<std::uint8_t*>(s.bytes.data()); // libelf only reads it
            offset += h->sh_size;
        }
    }
    ehdr->e_shoff = (offset + 7) & ~std::uint64_t{7};
    ehdr->e_shstrndx = static_cast<Elf64_Half>(sections_.size());
    return elf_update(elf.get(), ELF_C_WRITE) >= 0;
}

Result<Bytes> Layout::write() {
    prepare();
    Descriptor file(memfd_create("payload", MFD_CLOEXEC));
    if (!file || !update(file.get()))
        return fail(internal_fault(
            "elf.write", fmt::format("libelf cannot write the object: {}.", elf_errmsg(-1))));
    const off_t size = ::lseek(file.get(), 0, SEEK_END);
    Bytes out(static_cast<std::size_t>(size));
    if (::pread(file.get(), out.data(), out.size(), 0) != size)
        return fail(internal_fault("elf.write", "The object cannot be read back."));
    return out;
}

} // namespace

Result<Bytes> write_object(const NewObject& object) {
    return Layout(object).write();
}

} // namespace xlp::elf
