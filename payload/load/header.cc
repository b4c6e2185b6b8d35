// SPDX-License-Identifier: GPL-2.0-only
// livepatch_header_check() of xen/common/livepatch_elf.c, arch_livepatch_verify_elf() of
// xen/arch/x86/livepatch.c.
#include "payload/load/loading.h"

namespace xlp::load {

namespace {

Refusal refuse(const Loading& l, int error, const char* code, std::string log) {
    return {error,
            code,
            std::move(log),
            "Check that it is a complete live-patch payload.",
            {l.options.name, {}, {}, 0}};
}

} // namespace

Step check_header(Loading& l) {
    const std::uint64_t size = l.file.size();
    if (size < sizeof(Elf64_Ehdr))
        return refuse(l, -EINVAL, "load.header.truncated", "Section header is bigger than payload");
    const Elf64_Ehdr h = l.header();
    if (std::memcmp(h.e_ident, ELFMAG, SELFMAG) != 0)
        return refuse(l, -EINVAL, "load.header.magic", "Not an ELF payload");
    if (h.e_version != EV_CURRENT || h.e_ident[EI_VERSION] != EV_CURRENT
        || h.e_ident[EI_ABIVERSION] != 0
        || (h.e_ident[EI_OSABI] != ELFOSABI_NONE && h.e_ident[EI_OSABI] != ELFOSABI_FREEBSD)
        || h.e_type != ET_REL || h.e_phnum != 0)
        return refuse(l, -EOPNOTSUPP, "load.header.kind", "Invalid ELF payload");
    if (h.e_machine != EM_X86_64 || h.e_ident[EI_CLASS] != ELFCLASS64
        || h.e_ident[EI_DATA] != ELFDATA2LSB)
        return refuse(l, -EOPNOTSUPP, "load.header.machine", "Unsupported ELF Machine type");
    if (h.e_shstrndx == SHN_UNDEF)
        return refuse(l, -EINVAL, "load.header.names", "Section name idx is undefined");
    if (h.e_shnum >= 1024)
        return refuse(l, -EOPNOTSUPP, "load.header.sections",
                      fmt::format("Too many ({}) sections", h.e_shnum));
    if (h.e_shstrndx >= h.e_shnum)
        return refuse(l, -EINVAL, "load.header.names",
                      fmt::format("Section name idx ({}) is past end of sections ({})",
                                  h.e_shstrndx, h.e_shnum));
    if (h.e_shoff >= size)
        return refuse(l, -EINVAL, "load.header.section-table", "Bogus e_shoff");
    if (h.e_shentsize < sizeof(Elf64_Shdr))
        return refuse(l, -EINVAL, "load.header.section-table",
                      fmt::format("Section header size is {}! Expected {}.", h.e_shentsize,
                                  sizeof(Elf64_Shdr)));
    if ((size - h.e_shoff) / h.e_shentsize < h.e_shnum)
        return refuse(l, -EINVAL, "load.header.section-table", "Section header size is corrupted");
    return {};
}

} // namespace xlp::load
