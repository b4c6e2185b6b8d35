// SPDX-License-Identifier: GPL-2.0-only
#include "payload/emit/sections.h"

#include "payload/base/bytes.h"

#include <algorithm>

namespace xlp::emit {

std::uint32_t Sections::open(std::string_view name, std::uint32_t type, std::uint64_t flags,
                             std::uint64_t align) {
    if (auto it = by_name_.find(name); it != by_name_.end()) {
        elf::NewSection& s = object_.sections[it->second];
        s.align = std::max(s.align, align);
        return it->second;
    }
    const auto index = static_cast<std::uint32_t>(object_.sections.size());
    elf::NewSection s;
    s.name = name;
    s.type = type;
    s.flags = flags;
    s.align = align;
    object_.sections.push_back(std::move(s));
    by_name_.emplace(name, index);
    elf::NewSymbol symbol;
    symbol.section = index + 1;
    symbol.type = STT_SECTION;
    section_symbols_.push_back(static_cast<std::uint32_t>(object_.symbols.size()));
    object_.symbols.push_back(std::move(symbol));
    return index;
}

Spot Sections::append(std::uint32_t index, View bytes, std::uint64_t align) {
    elf::NewSection& s = object_.sections[index];
    s.align = std::max(s.align, align);
    const std::uint64_t offset = (s.bytes.size() + align - 1) & ~(align - 1);
    s.bytes.resize(offset, s.flags & SHF_EXECINSTR ? 0xcc : 0);
    s.bytes.insert(s.bytes.end(), bytes.begin(), bytes.end());
    return {index, offset};
}

Spot Sections::append_zero(std::uint32_t index, std::uint64_t size, std::uint64_t align) {
    elf::NewSection& s = object_.sections[index];
    s.align = std::max(s.align, align);
    const std::uint64_t offset = (s.nobits_size + align - 1) & ~(align - 1);
    s.nobits_size = offset + size;
    return {index, offset};
}

Spot Sections::string(std::string_view text) {
    const std::uint32_t index = open(".rodata.str", SHT_PROGBITS, SHF_ALLOC);
    elf::NewSection& s = object_.sections[index];
    auto [it, fresh] = strings_.try_emplace(std::string(text), s.bytes.size());
    if (fresh) {
        s.bytes.insert(s.bytes.end(), text.begin(), text.end());
        s.bytes.push_back(0);
    }
    return {index, it->second};
}

std::uint32_t Sections::undefined(const std::string& name) {
    auto [it, fresh] =
        undefined_.try_emplace(name, static_cast<std::uint32_t>(object_.symbols.size()));
    if (fresh) {
        elf::NewSymbol s;
        s.name = name;
        s.bind = STB_GLOBAL;
        object_.symbols.push_back(std::move(s));
    }
    return it->second;
}

void Sections::relocate(Spot where, std::uint32_t type, Spot target, std::int64_t addend) {
    object_.sections[where.section].relocations.push_back(
        {where.offset, type, section_symbols_[target.section],
         static_cast<std::int64_t>(target.offset) + addend});
}

void Sections::relocate(Spot where, std::uint32_t type, const std::string& symbol,
                        std::int64_t addend) {
    const std::uint32_t index = undefined(symbol);
    object_.sections[where.section].relocations.push_back({where.offset, type, index, addend});
}

void Sections::name(Spot spot, std::string name, std::uint64_t size, std::uint8_t type) {
    elf::NewSymbol s;
    s.name = std::move(name);
    s.value = spot.offset;
    s.size = size;
    s.section = spot.section + 1;
    s.type = type;
    object_.symbols.push_back(std::move(s));
}

} // namespace xlp::emit
