// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-qa/machine/images.h"

#include "payload/base/bytes.h"
#include "payload/xen/efi.h"
#include "tools/xlp-qa/machine/archive.h"

#include <algorithm>
#include <cstring>
#include <elf.h>
#include <fmt/format.h>
#include <gelf.h>
#include <memory>

namespace xlp::qa {

namespace {

using ElfHandle = std::unique_ptr<Elf, decltype(&elf_end)>;

ElfHandle open_elf(std::string_view bytes) {
    elf_version(EV_CURRENT);
    // libelf takes a writable pointer, and does not write through it when only reading
    return {elf_memory(const_cast<char*>(bytes.data()), bytes.size()), &elf_end};
}

// Calls visit(type, owner, description) for each note in the segments, then in the sections.
template <class Visit>
void for_each_note(std::string_view bytes, Visit visit) {
    ElfHandle elf = open_elf(bytes);
    if (!elf || elf_kind(elf.get()) != ELF_K_ELF)
        return;
    auto notes = [&](Elf_Data* data) {
        GElf_Nhdr header;
        std::size_t name = 0, desc = 0;
        for (std::size_t at = 0;
             data && (at = gelf_getnote(data, at, &header, &name, &desc)) > 0;) {
            auto* base = static_cast<const char*>(data->d_buf);
            std::string_view owner(base + name, header.n_namesz ? header.n_namesz - 1 : 0);
            visit(header.n_type, owner, std::string_view(base + desc, header.n_descsz));
        }
    };
    std::size_t count = 0;
    elf_getphdrnum(elf.get(), &count);
    for (std::size_t i = 0; i < count; ++i) {
        GElf_Phdr p;
        if (gelf_getphdr(elf.get(), static_cast<int>(i), &p) && p.p_type == PT_NOTE)
            notes(elf_getdata_rawchunk(elf.get(), static_cast<std::int64_t>(p.p_offset), p.p_filesz,
                                       ELF_T_NHDR));
    }
    for (Elf_Scn* s = nullptr; (s = elf_nextscn(elf.get(), s));) {
        GElf_Shdr h;
        if (gelf_getshdr(s, &h) && h.sh_type == SHT_NOTE)
            notes(elf_getdata(s, nullptr));
    }
}

Where at(const std::string& name) {
    return {name, {}, {}, 0};
}

template <class T>
T field(std::string_view bytes, std::size_t offset) {
    T value{};
    if (offset + sizeof value <= bytes.size())
        std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
}

// The compressed vmlinux within a bzImage; empty when it is none.
std::string_view compressed_kernel(std::string_view file) {
    // offsets of the real-mode header, protocol 2.08 on
    constexpr std::size_t setup_sects = 0x1f1, magic = 0x202, version = 0x206;
    constexpr std::size_t payload_offset = 0x248, payload_length = 0x24c;
    if (field<std::uint32_t>(file, magic) != 0x53726448 /* HdrS */
        || field<std::uint16_t>(file, version) < 0x208)
        return {};
    std::size_t sectors = field<std::uint8_t>(file, setup_sects);
    std::size_t offset = ((sectors ? sectors : 4) + 1) * 512
                         + std::size_t{field<std::uint32_t>(file, payload_offset)};
    std::size_t length = field<std::uint32_t>(file, payload_length);
    if (offset > file.size() || length > file.size() - offset)
        return {};
    std::string_view packed = file.substr(offset, length);
    // the kernel's build appends the unpacked size, except to gzip, which has one of its own
    if (packed.size() > 4 && !packed.starts_with("\x1f\x8b"))
        packed.remove_suffix(4);
    return packed;
}

// Section headers and what only they describe are of no use to Xen's loader, which reads
// segments; the kernel's relocations for KASLR, appended by its build, go as well.
std::string without_sections(std::string image) {
    auto header = field<Elf64_Ehdr>(image, 0);
    std::size_t end = header.e_phoff + std::size_t{header.e_phnum} * sizeof(Elf64_Phdr);
    for (unsigned i = 0; i < header.e_phnum; ++i) {
        auto p = field<Elf64_Phdr>(image, header.e_phoff + i * sizeof(Elf64_Phdr));
        end = std::max<std::size_t>(end, p.p_offset + p.p_filesz);
    }
    header.e_shoff = 0;
    header.e_shnum = header.e_shstrndx = 0;
    std::memcpy(image.data(), &header, sizeof header);
    if (end < image.size())
        image.resize(end);
    return image;
}

} // namespace

Result<XenImage> xen_image(std::string_view file, const std::string& name) {
    auto image = decompress(file, name);
    if (!image)
        return fail(image);
    if (image->starts_with("MZ")) {
        const auto id = xen::efi_build_id(as_bytes(*image));
        return XenImage{std::move(*image), true, id ? hex(*id) : std::string()};
    }
    if (!image->starts_with(ELFMAG))
        return fail(bad_input("qa.not-xen", "This is not a hypervisor image.",
                              "Use xen.gz as the distribution ships it in /boot.", at(name)));
    if ((*image)[EI_CLASS] != ELFCLASS32)
        return fail(bad_input("qa.xen-is-syms",
                              "This is a 64-bit ELF (xen-syms?), which QEMU cannot boot.",
                              "Pass xen.gz here, and xen-syms with --xen-syms.", at(name)));
    // multiboot 1: the header lies 4-aligned in the first 8 KiB of the file
    std::uint32_t magic = 0x1badb002;
    bool found = false;
    for (std::size_t i = 0; i < 8192 && i + 4 <= image->size() && !found; i += 4)
        found = field<std::uint32_t>(*image, i) == magic;
    if (!found)
        return fail(bad_input("qa.not-xen", "This ELF file has no multiboot header.",
                              "Use xen.gz as the distribution ships it in /boot.", at(name)));
    std::string id = build_id(*image);
    return XenImage{std::move(*image), false, std::move(id)};
}

Result<std::string> dom0_image(std::string_view file, const std::string& name) {
    std::string image(file);
    if (!file.starts_with(ELFMAG)) {
        std::string_view packed = compressed_kernel(file);
        if (packed.empty())
            return fail(bad_input("qa.not-kernel", "This is neither a bzImage nor a vmlinux.",
                                  "Use the vmlinuz of a Linux package for x86-64.", at(name)));
        auto unpacked = decompress(packed, name);
        if (!unpacked)
            return unpacked;
        image = std::move(*unpacked);
    }
    auto header = field<Elf64_Ehdr>(image, 0);
    if (!image.starts_with(ELFMAG) || image[EI_CLASS] != ELFCLASS64 || header.e_machine != EM_X86_64
        || header.e_phentsize != sizeof(Elf64_Phdr))
        return fail(bad_input("qa.not-kernel", "This does not contain an x86-64 kernel.",
                              "Use the vmlinuz of a Linux package for x86-64.", at(name)));
    bool xen = false;
    for_each_note(image, [&](auto, std::string_view owner, auto) { xen |= owner == "Xen"; });
    if (!xen)
        return fail(bad_input("qa.kernel_not_dom0", "This kernel cannot run on Xen: no Xen notes.",
                              "Use one with CONFIG_XEN_PV; linux-image-amd64 has it, Debian's "
                              "`cloud' kernels do not.",
                              at(name)));
    return without_sections(std::move(image));
}

std::string build_id(std::string_view elf) {
    std::string id;
    for_each_note(elf, [&](std::uint32_t type, std::string_view owner, std::string_view desc) {
        if (!id.empty() || type != NT_GNU_BUILD_ID || owner != "GNU")
            return;
        for (char c : desc)
            id += fmt::format("{:02x}", static_cast<unsigned char>(c));
    });
    return id;
}

std::string function_at(std::string_view bytes, std::uint64_t address) {
    ElfHandle elf = open_elf(bytes);
    for (Elf_Scn* s = nullptr; elf && (s = elf_nextscn(elf.get(), s));) {
        GElf_Shdr h;
        if (!gelf_getshdr(s, &h) || h.sh_type != SHT_SYMTAB)
            continue;
        GElf_Sym symbol;
        Elf_Data* data = elf_getdata(s, nullptr);
        for (int i = 0; data && gelf_getsym(data, i, &symbol); ++i) {
            const char* name = elf_strptr(elf.get(), h.sh_link, symbol.st_name);
            if (name && GELF_ST_TYPE(symbol.st_info) == STT_FUNC && address >= symbol.st_value
                && address - symbol.st_value < symbol.st_size)
                return fmt::format("{}+{:#x}", name, address - symbol.st_value);
        }
    }
    return {};
}

} // namespace xlp::qa
