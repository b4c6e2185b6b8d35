// SPDX-License-Identifier: GPL-2.0-only
#include "payload/xen/efi.h"

#include "payload/elf/writer.h"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>
#include <unordered_map>

namespace xlp::xen {

namespace {

// Layouts: Microsoft, "PE Format"; xen/common/efi/pe.c reads the same ones.
struct FileHeader {
    char signature[4]; // "PE\0\0"
    std::uint16_t machine, section_count;
    std::uint32_t time, symbols, symbol_count;
    std::uint16_t optional_size, flags;
};
static_assert(sizeof(FileHeader) == 24);

struct SectionHeader {
    char name[8];
    std::uint32_t size, address, file_size, file_offset, relocations, lines;
    std::uint16_t relocation_count, line_count;
    std::uint32_t flags;
};
static_assert(sizeof(SectionHeader) == 40);

constexpr std::uint16_t machine_amd64 = 0x8664, magic_pe32_plus = 0x20b;
constexpr std::size_t base_in_optional = 24; // ImageBase of a PE32+ file
constexpr std::uint32_t executes = 0x20000000, writes = 0x80000000;
constexpr std::uint64_t most_memory = std::uint64_t{64} << 20; // of one section

template <class T>
std::optional<T> at(View file, std::uint64_t offset) {
    T value;
    if (offset > file.size() || sizeof value > file.size() - offset)
        return std::nullopt;
    std::memcpy(&value, file.data() + offset, sizeof value);
    return value;
}

class Reader {
public:
    Reader(View pe, const std::string& name) : pe_(pe), name_(name) {}

    Result<elf::NewObject> run() {
        const auto header_at = at<std::uint32_t>(pe_, 0x3c);
        const auto header = header_at ? at<FileHeader>(pe_, *header_at) : std::nullopt;
        if (pe_.size() < 2 || pe_[0] != 'M' || pe_[1] != 'Z' || !header
            || std::memcmp(header->signature, "PE\0\0", 4) != 0)
            return bad("efi.not-efi", "This is not an EFI program.");
        const std::uint64_t optional = std::uint64_t{*header_at} + sizeof *header;
        const auto base = at<std::uint64_t>(pe_, optional + base_in_optional);
        if (header->machine != machine_amd64 || at<std::uint16_t>(pe_, optional) != magic_pe32_plus
            || !base)
            return bad("efi.not-efi", "This EFI program is not for x86-64.");
        for (unsigned i = 0; i < header->section_count; ++i) {
            const auto s = at<SectionHeader>(pe_, optional + header->optional_size
                                                      + std::uint64_t{i} * sizeof(SectionHeader));
            if (!s)
                return bad("efi.damaged", "Its section headers lie outside the file.");
            if (auto ok = add(*s, *base); !ok)
                return fail(ok);
        }
        return std::move(out_);
    }

private:
    tl::unexpected<Findings> bad(const char* code, std::string why) const {
        return fail(bad_input(code, std::move(why), "Use the xen.efi that the firmware starts.",
                              {name_, {}, {}, 0}));
    }

    Result<void> add(const SectionHeader& s, std::uint64_t base) {
        const std::string name(s.name, strnlen(s.name, sizeof s.name));
        const std::uint64_t in_file = std::min(s.file_size, s.size ? s.size : s.file_size);
        if (s.file_offset > pe_.size() || in_file > pe_.size() - s.file_offset)
            return bad("efi.damaged", fmt::format("Its section {} lies outside the file.", name));
        if (s.size > most_memory)
            return bad("efi.damaged", fmt::format("Its section {} is too large.", name));
        elf::NewSection section;
        section.name = name;
        section.address = base + s.address;
        section.flags = SHF_ALLOC | (s.flags & executes ? std::uint64_t{SHF_EXECINSTR} : 0)
                        | (s.flags & writes ? std::uint64_t{SHF_WRITE} : 0);
        if (in_file) {
            const View bytes = pe_.subspan(s.file_offset, in_file);
            section.bytes.assign(bytes.begin(), bytes.end());
            section.bytes.resize(std::max<std::size_t>(s.size, in_file));
        } else {
            section.type = SHT_NOBITS;
            section.nobits_size = s.size;
        }
        out_.sections.push_back(std::move(section));
        return {};
    }

    View pe_;
    const std::string& name_;
    elf::NewObject out_;
};

// The signature of a CodeView record: "RSDS" and 16 bytes (xen/common/version.c).
std::optional<elf::BuildId> build_id_of(const elf::NewObject& pe) {
    for (const elf::NewSection& s : pe.sections) {
        if (s.name != efi_build_id_section)
            continue;
        const std::string_view all = as_text(s.bytes);
        const std::size_t begin = all.find("RSDS");
        if (begin != all.npos && all.size() - begin >= 20)
            return elf::BuildId(s.bytes.begin() + static_cast<std::ptrdiff_t>(begin) + 4,
                                s.bytes.begin() + static_cast<std::ptrdiff_t>(begin) + 20);
    }
    return std::nullopt;
}

// Gives each name of the map a place, and size and kind of what `syms` has under that name: the
// one at the same address, or the only one.
class Symbols {
public:
    Symbols(elf::NewObject& out, const EfiMap& map, const elf::Object& syms) : out_(out) {
        FileNames names;
        for (const EfiMap::Entry& e : map.entries())
            names.add(e.name);
        for (const elf::Symbol& s : syms.symbols())
            if (s.defined() && s.type != STT_SECTION && s.type != STT_FILE && !s.name.empty())
                known_.emplace(s.local() && !s.file.empty()
                                   ? fmt::format("{}#{}", names.of(s.file), s.name)
                                   : std::string(s.name),
                               &s);
        for (const EfiMap::Entry& e : map.entries())
            add(e);
    }

    // Only .text lies where it does in xen-syms.
    bool of_one_build() const { return functions_ && elsewhere_ * 50 < functions_; }

private:
    void add(const EfiMap::Entry& e) {
        const auto [first, last] = known_.equal_range(e.name);
        const elf::Symbol* like = std::distance(first, last) == 1 ? first->second : nullptr;
        for (auto it = first; it != last; ++it)
            if (it->second->value == e.address)
                like = it->second;
        elf::NewSymbol s;
        s.name = e.name;
        s.value = e.address;
        s.section = section_of(e.address);
        const bool code = like && like->type == STT_FUNC && s.section < SHN_LORESERVE
                          && out_.sections[s.section - 1].name == ".text";
        functions_ += code;
        elsewhere_ += code && like->value != e.address;
        s.bind = e.type >= 'a' && e.type <= 'z' ? STB_LOCAL : STB_GLOBAL;
        if (like) {
            s.size = like->size;
            s.type = like->type;
        }
        out_.symbols.push_back(std::move(s));
    }

    std::uint32_t section_of(std::uint64_t a) const {
        for (std::size_t i = 0; i < out_.sections.size(); ++i) {
            const elf::NewSection& s = out_.sections[i];
            if (a >= s.address && a - s.address <= s.size())
                return static_cast<std::uint32_t>(i + 1);
        }
        return SHN_ABS;
    }

    elf::NewObject& out_;
    std::unordered_multimap<std::string, const elf::Symbol*> known_;
    std::size_t functions_ = 0, elsewhere_ = 0; // elsewhere than in xen-syms
};

} // namespace

void FileNames::add(std::string_view symbol) {
    if (const std::size_t hash = symbol.rfind('#'); hash != symbol.npos)
        names_.emplace(symbol.substr(0, hash));
}

std::string_view FileNames::of(std::string_view file) const {
    const std::string_view cut = file.substr(0, efi_file_name);
    return !names_.contains(file) && names_.contains(cut) ? cut : file;
}

std::optional<elf::BuildId> efi_build_id(View pe) {
    const std::string name;
    const auto read = Reader(pe, name).run();
    return read ? build_id_of(*read) : std::nullopt;
}

Result<elf::Object> efi_object(View pe, const EfiMap& map, const elf::Object& syms,
                               const std::string& name) {
    auto out = Reader(pe, name).run();
    if (!out)
        return fail(out);
    const auto id = build_id_of(*out);
    if (!id)
        return fail(
            bad_input("efi.no-build-id", "This xen.efi has no build-id of its own.",
                      "Build for the xen.gz of the same build: xen.efi reports its build-id.",
                      {name, {}, {}, 0}));
    if (!Symbols(*out, map, syms).of_one_build())
        return fail(bad_input(
            "efi.other-build", "The functions of xen-syms are elsewhere in the map of xen.efi.",
            "Use xen.efi, its map and xen-syms of one build.", {name, {}, {}, 0}));
    elf::NewSection note;
    note.name = ".note.gnu.build-id";
    note.type = SHT_NOTE;
    note.flags = 0;
    note.align = 4;
    note.bytes = elf::make_build_id_note(*id);
    out->sections.push_back(std::move(note));
    out->type = ET_EXEC;
    auto bytes = elf::write_object(*out);
    if (!bytes)
        return fail(bytes);
    return elf::Object::parse(std::move(*bytes), name);
}

} // namespace xlp::xen
