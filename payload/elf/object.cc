// SPDX-License-Identifier: GPL-2.0-only
// The reader trusts nothing: headers are copied out of the file (it may be misaligned), every range
// is checked against the file's end without overflow, every index against its table.
#include "payload/elf/object.h"

#include "payload/base/bytes.h"
#include "payload/base/file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace xlp::elf {

class Reader {
public:
    Reader(const Bytes& bytes, const std::string& name) : bytes_(bytes), name_(name) {}

    Result<void> read(Object& out);

private:
    Result<void> header();
    Result<void> sections(Object&);
    Result<void> symbols(Object&);
    Result<void> relocations(Object&);
    Result<void> relocations_of(Object&, const Section& table);

    tl::unexpected<Findings> bad(const char* code, std::string why) const {
        return fail(bad_input(code, std::move(why), {}, {name_, {}, {}, 0}));
    }
    bool in_file(std::uint64_t offset, std::uint64_t size) const {
        return offset <= bytes_.size() && size <= bytes_.size() - offset;
    }
    template <class T>
    T load(std::uint64_t offset) const { // caller has checked the range
        T value;
        std::memcpy(&value, bytes_.data() + offset, sizeof value);
        return value;
    }
    // The NUL-terminated string at `offset` of a string table.
    Result<std::string_view> string(View table, std::uint64_t offset) const;

    const Bytes& bytes_;
    const std::string& name_;
    Elf64_Ehdr ehdr_{};
    const Section* symtab_ = nullptr;
};

Result<std::string_view> Reader::string(View table, std::uint64_t offset) const {
    if (offset >= table.size())
        return bad("elf.corrupt",
                   fmt::format("A name is at offset {:#x}, outside its string table of {} bytes.",
                               offset, table.size()));
    const auto* start = reinterpret_cast<const char*>(table.data() + offset);
    std::size_t room = std::min<std::size_t>(table.size() - offset, max_name_size + 1);
    const void* end = std::memchr(start, 0, room);
    if (!end)
        return bad("elf.corrupt", "A name is not terminated or longer than 4096 bytes.");
    return std::string_view(start, static_cast<const char*>(end) - start);
}

Result<void> Reader::header() {
    if (bytes_.size() < SELFMAG || std::memcmp(bytes_.data(), ELFMAG, SELFMAG) != 0)
        return bad("elf.not-elf", "This is not an ELF file.");
    if (bytes_.size() < sizeof ehdr_)
        return bad("elf.truncated", fmt::format("The file ends after {} bytes, within the ELF "
                                                "header.",
                                                bytes_.size()));
    ehdr_ = load<Elf64_Ehdr>(0);
    if (ehdr_.e_ident[EI_CLASS] != ELFCLASS64 || ehdr_.e_ident[EI_DATA] != ELFDATA2LSB
        || ehdr_.e_machine != EM_X86_64)
        return bad("elf.foreign",
                   fmt::format("This is an ELF file of class {}, byte order {}, machine {}; only "
                               "64-bit x86-64 files are supported.",
                               ehdr_.e_ident[EI_CLASS], ehdr_.e_ident[EI_DATA], ehdr_.e_machine));
    if (ehdr_.e_type != ET_REL && ehdr_.e_type != ET_EXEC && ehdr_.e_type != ET_DYN)
        return bad(
            "elf.foreign",
            fmt::format("ELF type {} is neither an object file nor an executable.", ehdr_.e_type));
    if (ehdr_.e_shoff && ehdr_.e_shnum == 0 && in_file(ehdr_.e_shoff, sizeof(Elf64_Shdr)))
        return bad("elf.unsupported",
                   fmt::format("The file has {} sections; more than {} are not supported.",
                               load<Elf64_Shdr>(ehdr_.e_shoff).sh_size, SHN_LORESERVE - 1));
    if (ehdr_.e_shoff == 0 || ehdr_.e_shnum == 0)
        return bad("elf.no-sections", "The file has no section headers.");
    if (ehdr_.e_shentsize != sizeof(Elf64_Shdr))
        return bad("elf.corrupt",
                   fmt::format("Section headers are {} bytes long.", ehdr_.e_shentsize));
    if (!in_file(ehdr_.e_shoff, std::uint64_t{ehdr_.e_shnum} * sizeof(Elf64_Shdr)))
        return bad("elf.truncated", "The section headers lie past the end of the file.");
    if (ehdr_.e_shstrndx >= ehdr_.e_shnum)
        return bad("elf.corrupt", "The section name table does not exist.");
    return {};
}

Result<void> Reader::sections(Object& out) {
    std::vector<Elf64_Shdr> headers(ehdr_.e_shnum);
    std::memcpy(headers.data(), bytes_.data() + ehdr_.e_shoff, headers.size() * sizeof headers[0]);
    out.sections_.reserve(headers.size());
    for (std::uint32_t i = 0; i < headers.size(); ++i) {
        const Elf64_Shdr& h = headers[i];
        Section s;
        s.index = i;
        s.type = h.sh_type;
        s.flags = h.sh_flags;
        s.address = h.sh_addr;
        s.size = h.sh_size;
        s.align = h.sh_addralign ? h.sh_addralign : 1;
        s.entsize = h.sh_entsize;
        s.link = h.sh_link;
        s.info = h.sh_info;
        if (i == 0 || h.sh_type == SHT_NULL) {
            s.size = 0;
        } else {
            if (s.align & (s.align - 1))
                return bad("elf.corrupt", fmt::format("Section {} has alignment {:#x}, which is "
                                                      "not a power of two.",
                                                      i, s.align));
            if (h.sh_type != SHT_NOBITS) {
                if (!in_file(h.sh_offset, h.sh_size))
                    return bad("elf.truncated",
                               fmt::format("Section {} ends past the end of the file.", i));
                s.bytes = View(bytes_).subspan(h.sh_offset, h.sh_size);
            }
        }
        out.sections_.push_back(std::move(s));
    }
    const View names = out.sections_[ehdr_.e_shstrndx].bytes;
    for (Section& s : out.sections_) {
        if (s.index == 0)
            continue;
        auto name = string(names, headers[s.index].sh_name);
        if (!name)
            return fail(name);
        s.name = *name;
        if (s.type == SHT_SYMTAB) {
            if (symtab_)
                return bad("elf.corrupt", "The file has more than one symbol table.");
            symtab_ = &s;
        }
    }
    return {};
}

Result<void> Reader::symbols(Object& out) {
    out.symbols_.emplace_back();
    if (!symtab_)
        return {};
    if (symtab_->entsize != sizeof(Elf64_Sym) || symtab_->bytes.size() % sizeof(Elf64_Sym)
        || symtab_->link >= out.sections_.size())
        return bad("elf.corrupt", "The symbol table's header is corrupt.");
    const View names = out.sections_[symtab_->link].bytes;
    const std::size_t count = symtab_->bytes.size() / sizeof(Elf64_Sym);
    out.symbols_.reserve(count);
    std::string_view file;
    for (std::size_t i = 1; i < count; ++i) {
        Elf64_Sym raw;
        std::memcpy(&raw, symtab_->bytes.data() + i * sizeof raw, sizeof raw);
        auto name = string(names, raw.st_name);
        if (!name)
            return fail(name);
        Symbol s;
        s.name = *name;
        s.value = raw.st_value;
        s.size = raw.st_size;
        s.section = raw.st_shndx;
        s.bind = ELF64_ST_BIND(raw.st_info);
        s.type = ELF64_ST_TYPE(raw.st_info);
        s.visibility = ELF64_ST_VISIBILITY(raw.st_other);
        if (raw.st_shndx == SHN_XINDEX)
            return bad("elf.unsupported", "The file uses extended section indices.");
        if (s.defined()) {
            if (s.section >= out.sections_.size())
                return bad(
                    "elf.corrupt",
                    fmt::format("Symbol {} is in section {}, which does not exist.", i, s.section));
            const Section& home = out.sections_[s.section];
            if (out.relocatable() && (s.value > home.size || s.size > home.size - s.value))
                return bad(
                    "elf.corrupt",
                    fmt::format("Symbol {} extends past the end of its section {}.", i, s.section));
        }
        if (s.type == STT_FILE)
            file = s.name;
        else if (s.local())
            s.file = file;
        // a section symbol is known by its section's name
        if (s.type == STT_SECTION && s.name.empty() && s.defined())
            s.name = out.sections_[s.section].name;
        out.symbols_.push_back(s);
    }
    return {};
}

Result<void> Reader::relocations_of(Object& out, const Section& table) {
    Section& target = out.sections_[table.info];
    const std::size_t count = table.bytes.size() / sizeof(Elf64_Rela);
    target.relocations.reserve(target.relocations.size() + count);
    for (std::size_t i = 0; i < count; ++i) {
        Elf64_Rela raw;
        std::memcpy(&raw, table.bytes.data() + i * sizeof raw, sizeof raw);
        Relocation r{raw.r_offset, static_cast<std::uint32_t>(ELF64_R_TYPE(raw.r_info)),
                     static_cast<std::uint32_t>(ELF64_R_SYM(raw.r_info)), raw.r_addend};
        if (r.symbol >= out.symbols_.size())
            return bad("elf.corrupt",
                       fmt::format("Relocation {} of {} refers to symbol {}, which does not exist.",
                                   i, table.name, r.symbol));
        if (r.offset >= target.size)
            return bad("elf.corrupt", fmt::format("Relocation {} of {} is past the end of {}.", i,
                                                  table.name, target.name));
        target.relocations.push_back(r);
    }
    return {};
}

Result<void> Reader::relocations(Object& out) {
    for (const Section& s : out.sections_) {
        if (s.type == SHT_REL && out.relocatable())
            return bad("elf.unsupported", "The file has relocations without addends (SHT_REL).");
        if (s.type != SHT_RELA)
            continue;
        if (s.info == 0 || s.info >= out.sections_.size() || &out.sections_[s.info] == &s
            || !out.relocatable())
            continue; // dynamic relocations of an image are of no interest
        if (s.entsize != sizeof(Elf64_Rela) || s.bytes.size() % sizeof(Elf64_Rela) || !symtab_
            || s.link != symtab_->index)
            return bad("elf.corrupt", fmt::format("The header of {} is corrupt.", s.name));
        if (auto ok = relocations_of(out, s); !ok)
            return ok;
    }
    for (Section& s : out.sections_)
        std::stable_sort(
            s.relocations.begin(), s.relocations.end(),
            [](const Relocation& a, const Relocation& b) { return a.offset < b.offset; });
    return {};
}

Result<void> Reader::read(Object& out) {
    if (auto ok = header(); !ok)
        return ok;
    out.type_ = ehdr_.e_type;
    if (auto ok = sections(out); !ok)
        return ok;
    if (auto ok = symbols(out); !ok)
        return ok;
    return relocations(out);
}

Result<Object> Object::parse(Bytes bytes, std::string name) {
    Object o;
    o.name_ = std::move(name);
    o.bytes_ = std::make_shared<const Bytes>(std::move(bytes));
    if (auto ok = Reader(*o.bytes_, o.name_).read(o); !ok)
        return fail(ok);
    return o;
}

Result<Object> Object::read(const std::filesystem::path& path) {
    auto bytes = read_file(path);
    if (!bytes)
        return fail(bytes);
    return parse(std::move(*bytes), path.string());
}

const Section* Object::section(std::string_view name) const {
    auto it = std::find_if(sections_.begin() + 1, sections_.end(),
                           [&](const Section& s) { return s.name == name; });
    return it == sections_.end() ? nullptr : &*it;
}

} // namespace xlp::elf
