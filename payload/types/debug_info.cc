// SPDX-License-Identifier: GPL-2.0-only
#include "payload/types/debug_info.h"

#include "payload/base/file.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fmt/format.h>

namespace xlp::types {

namespace {
// Distance between sections, so that the end of one is not the start of the next.
constexpr std::uint64_t gap = 0x1000;

unsigned width_of(std::uint32_t relocation) {
    switch (relocation) {
    case R_X86_64_64:
    case R_X86_64_DTPOFF64:
        return 8;
    case R_X86_64_32:
    case R_X86_64_32S:
    case R_X86_64_DTPOFF32:
        return 4;
    default:
        return 0; // nothing else is made in debug sections; left as it is
    }
}
} // namespace

Result<std::shared_ptr<DebugInfo>> DebugInfo::open(const elf::Object& object) {
    const elf::Section* entries = object.section(".debug_info");
    if (!entries || entries->bytes.empty())
        return nullptr;
    auto bad = [&](const char* why) {
        return fail(bad_input("types.corrupt",
                              fmt::format("The debug information cannot be read: {}.", why),
                              "Recompile the object with -g.", {.file = object.name()}));
    };
    // types apart from their units, in sections that come and go one by one: Xen is never compiled
    // so, and libdw reads one of them only
    const auto& sections = object.sections();
    if (object.section(".debug_types")
        || std::count_if(sections.begin(), sections.end(), [](const elf::Section& s) {
               return s.name == ".debug_info";
           }) > 1)
        return bad("it was compiled with -fdebug-types-section");
    elf_version(EV_CURRENT);
    auto info = std::make_shared<DebugInfo>();
    info->bytes_.assign(object.bytes().begin(), object.bytes().end());
    info->elf_.reset(elf_memory(reinterpret_cast<char*>(info->bytes_.data()), info->bytes_.size()));
    if (!info->elf_)
        return bad(elf_errmsg(-1));
    info->place(object);
    if (object.relocatable())
        info->relocate(object);
    info->dwarf_.reset(dwarf_begin_elf(info->elf_.get(), DWARF_C_READ, nullptr));
    if (!info->dwarf_)
        return bad(dwarf_errmsg(-1));
    if (Elf_Data* data = elf_getdata(elf_getscn(info->elf_.get(), entries->index), nullptr))
        info->entry_bytes_ = data->d_size;
    return info;
}

void DebugInfo::place(const elf::Object& object) {
    base_.resize(object.sections().size());
    std::uint64_t next = gap;
    for (const elf::Section& s : object.sections()) {
        if (!s.alloc() || s.size == 0 || s.size > max_file_size)
            continue;
        base_[s.index] = object.relocatable() ? next : s.address;
        ranges_.push_back({base_[s.index], base_[s.index] + s.size, s.index});
        next += (s.size + 2 * gap - 1) & ~(gap - 1);
    }
    std::sort(ranges_.begin(), ranges_.end(),
              [](const Range& a, const Range& b) { return a.begin < b.begin; });
}

void DebugInfo::relocate(const elf::Object& object) {
    for (const elf::Section& s : object.sections()) {
        if (s.alloc() || s.relocations.empty() || !s.name.starts_with(".debug_"))
            continue;
        Elf_Scn* scn = elf_getscn(elf_.get(), s.index);
        if (s.flags & SHF_COMPRESSED)
            elf_compress(scn, 0, 0); // on failure the size check below skips what does not fit
        Elf_Data* data = elf_getdata(scn, nullptr);
        if (!data || !data->d_buf)
            continue;
        auto* field = static_cast<std::uint8_t*>(data->d_buf);
        for (const elf::Relocation& r : s.relocations) {
            const unsigned width = width_of(r.type);
            if (width == 0 || r.offset > data->d_size || data->d_size - r.offset < width)
                continue;
            const elf::Symbol& symbol = object.symbols()[r.symbol];
            const std::uint64_t value = (symbol.defined() ? base_[symbol.section] : 0)
                                        + symbol.value + static_cast<std::uint64_t>(r.addend);
            std::memcpy(field + r.offset, &value, width); // little endian, as x86-64 is
        }
    }
}

std::uint64_t DebugInfo::address(Location where) const {
    return where.section < base_.size() ? base_[where.section] + where.offset : 0;
}

std::optional<Location> DebugInfo::location(std::uint64_t address) const {
    auto after = std::upper_bound(ranges_.begin(), ranges_.end(), address,
                                  [](std::uint64_t a, const Range& r) { return a < r.begin; });
    if (after == ranges_.begin())
        return std::nullopt;
    const Range& range = *std::prev(after);
    if (address >= range.end)
        return std::nullopt;
    return Location{range.section, address - range.begin};
}

std::string source_name(std::string_view path, std::string_view compile_folder) {
    namespace fs = std::filesystem;
    fs::path name = fs::path(path).lexically_normal();
    fs::path folder = fs::path(compile_folder).lexically_normal();
    if (!folder.has_filename())
        folder = folder.parent_path();
    // some names come with the compiler's folder before them, and some without
    auto under = [&](const fs::path& root) {
        return std::mismatch(root.begin(), root.end(), name.begin(), name.end()).first
               == root.end();
    };
    if (name.is_relative() && !(folder.is_relative() && under(folder)))
        name = (folder / name).lexically_normal();
    // Xen is compiled in the folder xen/ of its tree
    const fs::path root = folder.filename() == "xen" ? folder.parent_path() : folder;
    return (under(root) && !root.empty() ? name.lexically_relative(root) : name).generic_string();
}

} // namespace xlp::types
