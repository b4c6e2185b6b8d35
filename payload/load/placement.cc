// SPDX-License-Identifier: GPL-2.0-only
// move_payload() of xen/common/livepatch.c, and where vmalloc_xen() puts a payload
// (xen/common/vmap.c, arch_livepatch_init() of xen/arch/x86/livepatch.c).
#include "payload/base/bytes.h"
#include "payload/load/loading.h"

namespace xlp::load {

namespace {

constexpr std::uint64_t window_size = 1ULL << 30; // XEN_VIRT_END - XEN_VIRT_START
constexpr std::uint64_t bitmap_pages = 8;         // one bit for each page of up to 1 GiB
constexpr std::uint64_t superpage_size = 2U << 20;

// XEN_VIRT_END: the hypervisor lies in the window's beginning, which moved in 4.14.
Address window_end(const Loading& l) {
    return (l.image.text().begin & ~(window_size - 1)) + window_size;
}

Address window_begin(const Loading& l) {
    auto end = l.image.resolve(l.rules.window_behind_data ? "__2M_rwdata_end" : "_end");
    const Address a = end.value_or(l.image.text().end);
    return l.rules.window_behind_data ? page_align(a)
                                      : (a + superpage_size - 1) & ~(superpage_size - 1);
}

// The lowest free page but one: each allocation has a guard page before it.
Address next_free(const Loading& l) {
    Address free = window_begin(l) + bitmap_pages * page_size;
    for (const Loaded* below : l.options.below)
        free = std::max(free, below->base + below->pages * page_size);
    return free + page_size;
}

// Xen's ROUNDUP(); yields 0 for an alignment of 0.
std::uint64_t round_up(std::uint64_t x, std::uint64_t align) {
    return (x + align - 1) & ~(align - 1);
}

std::optional<Region> region_of(std::uint64_t flags) {
    const bool x = flags & SHF_EXECINSTR, w = flags & SHF_WRITE;
    if (x && w)
        return std::nullopt;
    return x ? Region::text : w ? Region::rw : Region::ro;
}

Refusal out_of_memory(const Loading& l) {
    return {-ENOMEM,
            "load.placement.memory",
            "Could not allocate memory for payload",
            "All payloads together may use 1 GiB at most.",
            {l.options.name, {}, {}, 0}};
}

// Copies a section to where it belongs. With wrapped sizes Xen writes beyond the allocation.
void copy_section(Loading& l, LoadingSection& section, const Elf64_Shdr& s, Address to) {
    Bytes& memory = l.result->memory;
    const std::uint64_t offset = to - l.result->base;
    if (offset > memory.size() || s.sh_size > memory.size() - offset)
        throw Fault{l.result->base + memory.size(), true};
    if (s.sh_type == SHT_NOBITS) {
        std::fill_n(memory.begin() + static_cast<std::ptrdiff_t>(offset), s.sh_size, 0);
        return;
    }
    if (s.sh_offset > l.file.size() || s.sh_size > l.file.size() - s.sh_offset)
        throw Fault{section.data + s.sh_size, false};
    std::copy_n(l.file.begin() + static_cast<std::ptrdiff_t>(s.sh_offset), s.sh_size,
                memory.begin() + static_cast<std::ptrdiff_t>(offset));
}

} // namespace

Step place(Loading& l) {
    std::vector<std::uint64_t> offsets(l.sections.size());
    std::uint64_t* const sizes[] = {&l.text_size, &l.rw_size, &l.ro_size};
    for (std::uint32_t i = 1; i < l.sections.size(); ++i) {
        const Elf64_Shdr s = l.section_header(i);
        if (l.is_ignored(s))
            continue;
        auto region = region_of(s.sh_flags);
        if (!region)
            return Refusal{-EOPNOTSUPP,
                           "load.placement.write-execute",
                           {},
                           "A section can be writable or executable, not both.",
                           l.at_section(i)};
        l.sections[i].region = *region;
        std::uint64_t& size = *sizes[static_cast<int>(*region)];
        offsets[i] = round_up(size, s.sh_addralign) & 0xffffffff; // kept as unsigned int
        size = s.sh_size + round_up(size, s.sh_addralign);
    }
    const std::uint64_t total = page_align(l.text_size) + page_align(l.rw_size) + l.ro_size;
    Loaded& out = *l.result;
    out.base = next_free(l);
    out.pages = pages_of(total);
    if (out.pages > pages_of(window_size) || out.base + out.pages * page_size > window_end(l))
        return out_of_memory(l);
    if (out.pages > pages_of(max_modelled_memory))
        return Refusal{-ENOMEM,
                       "load.limit",
                       "Could not allocate memory for payload",
                       "The payload needs more than 64 MiB in the hypervisor; the model stops here "
                       "and assumes that the hypervisor does not have it.",
                       {l.options.name, {}, {}, 0}};
    out.memory.assign(out.pages * page_size, 0);
    out.text = {out.base, out.base + l.text_size};
    out.rw = {out.base + page_align(l.text_size), 0};
    out.ro = {out.rw.begin + page_align(l.rw_size), 0};
    out.rw.end = out.rw.begin + l.rw_size;
    out.ro.end = out.ro.begin + l.ro_size;
    const Address bases[] = {out.text.begin, out.rw.begin, out.ro.begin};

    std::vector<std::uint32_t> writable;
    for (std::uint32_t i = 1; i < l.sections.size(); ++i) {
        const Elf64_Shdr s = l.section_header(i);
        if (l.is_ignored(s))
            continue;
        LoadingSection& section = l.sections[i];
        const Address to = bases[static_cast<int>(section.region)] + offsets[i];
        copy_section(l, section, s, to);
        section.address = to;
        section.placed = true;
        out.sections.push_back(
            {i, std::string(section.name), section.region, to, s.sh_size, s.sh_addralign});
        if (section.region == Region::rw && s.sh_size)
            writable.push_back(i);
    }
    out.safe_to_reapply =
        (writable.empty() && l.rules.tightened_sections)
        || (writable.size() == 1 && l.sections[writable[0]].name == ".livepatch.funcs");
    l.machine.map_payload(out.base, &out.memory);
    return {};
}

} // namespace xlp::load
