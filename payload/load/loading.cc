// SPDX-License-Identifier: GPL-2.0-only
#include "payload/load/loading.h"

#include "payload/base/bytes.h"

#include <algorithm>

namespace xlp::load {

namespace {

// VMAP_VIRT_START + 1 GiB (xen/arch/x86/include/asm/config.h); only that nothing else is there
// matters.
constexpr Address upload_buffer = 0xffff82c040000000;

template <class T>
T read_from(const Bytes& file, std::uint64_t offset, Address base) {
    if (offset > file.size() || sizeof(T) > file.size() - offset)
        throw Fault{base + offset, false};
    T value;
    std::memcpy(&value, file.data() + offset, sizeof value);
    return value;
}

} // namespace

Loading::Loading(View payload, const xen::Image& i, const Options& o, xen::Version v)
    : image(i), options(o), version(v), rules(Rules::of(v, i)),
      file(payload.begin(), payload.end()), file_address(upload_buffer), machine(i, o.below),
      result(std::make_shared<Loaded>()) {
    machine.map_upload(file_address, &file);
    result->name = o.name;
}

Elf64_Ehdr Loading::header() const {
    return read_from<Elf64_Ehdr>(file, 0, file_address);
}

Elf64_Shdr Loading::section_header(std::uint32_t index) const {
    if (!index)
        throw Fault{0, false};
    return read_from<Elf64_Shdr>(file, sections[index].header, file_address);
}

Elf64_Sym Loading::symbol(std::uint32_t index) const {
    return read_from<Elf64_Sym>(file, symbols[index].entry, file_address);
}

std::string_view Loading::name_at(std::uint64_t offset) const {
    if (offset >= file.size())
        throw Fault{file_address + offset, false};
    const char* begin = reinterpret_cast<const char*>(file.data()) + offset;
    return {begin, strnlen(begin, std::min<std::uint64_t>(file.size() - offset, longest_name))};
}

std::uint32_t Loading::find_section(std::string_view name) const {
    for (std::uint32_t i = 1; i < sections.size(); ++i)
        if (sections[i].name == name)
            return i;
    return 0;
}

bool Loading::is_ignored(const Elf64_Shdr& s) const {
    return !(s.sh_flags & SHF_ALLOC) || (!rules.places_empty_sections && !s.sh_size);
}

Where Loading::at_section(std::uint32_t index) const {
    std::string name(index < sections.size() ? sections[index].name : std::string_view());
    return {options.name, name.empty() ? fmt::format("section {}", index) : name, {}, 0};
}

Address Loading::hypervisor_symbol(std::string_view name) const {
    if (name.empty())
        return 0;
    auto found = image.find(name);
    return found.empty() ? 0 : found.front()->address;
}

Address Loading::payload_symbol(std::string_view name, std::string* other) const {
    for (const Loaded* l : options.below)
        for (const ResolvedSymbol& s : l->symbols)
            if (s.exported && s.name == name) {
                if (other)
                    *other = l->name;
                return s.value;
            }
    return 0;
}

bool Loading::executable(Address a) const {
    return result->text.contains(a) || image.text().contains(a)
           || std::any_of(options.below.begin(), options.below.end(),
                          [&](const Loaded* o) { return o->text.contains(a); });
}

bool Loading::has_endbr64(Address a) const {
    const auto first = machine.get<std::array<std::uint8_t, 4>>(a);
    return !std::memcmp(first.data(), endbr64, 4);
}

bool Loading::starts_with_endbr(Address a) const {
    if (!rules.knows_endbr)
        return false;
    const auto first = machine.get<std::array<std::uint8_t, 4>>(a);
    return !std::memcmp(first.data(), endbr64, 4)
           || (rules.knows_endbr_poison && !std::memcmp(first.data(), endbr64_poison, 4));
}

Step check_multiple(const Loading& l, std::uint32_t section, std::uint64_t unit) {
    const std::uint64_t size = l.section_header(section).sh_size;
    if (size % unit == 0)
        return {};
    return Refusal{-EINVAL, "load.section-size",
                   fmt::format("Wrong size {} of {} (must be multiple of {})", size,
                               l.sections[section].name, unit),
                   "The section's entries have a different size in this version of Xen.",
                   l.at_section(section)};
}

} // namespace xlp::load
