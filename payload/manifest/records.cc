// SPDX-License-Identifier: GPL-2.0-only
#include "payload/manifest/records.h"

#include <algorithm>

namespace xlp::manifest {
namespace {

constexpr std::size_t version_at = 32; // in a record of either layout
constexpr std::size_t name_at = 0;
constexpr std::size_t old_address_at = 16;

const elf::Relocation* relocation_at(const elf::Section& s, std::uint64_t offset) {
    auto it =
        std::lower_bound(s.relocations.begin(), s.relocations.end(), offset,
                         [](const elf::Relocation& r, std::uint64_t o) { return r.offset < o; });
    return it != s.relocations.end() && it->offset == offset ? &*it : nullptr;
}

std::string name_of(const elf::Object& object, const elf::Section& records, std::uint64_t record) {
    if (const elf::Relocation* r = relocation_at(records, record + name_at)) {
        const elf::Symbol& symbol = object.symbols()[r->symbol];
        const elf::Section* strings = object.section_of(symbol);
        const std::uint64_t at = symbol.value + static_cast<std::uint64_t>(r->addend);
        if (strings && at < strings->bytes.size()) {
            const auto from = strings->bytes.begin() + static_cast<std::ptrdiff_t>(at);
            return {from, std::find(from, strings->bytes.end(), 0)};
        }
    }
    // the name may be left out where the address is given by symbol
    if (const elf::Relocation* r = relocation_at(records, record + old_address_at))
        return std::string(object.symbols()[r->symbol].name);
    return {};
}

} // namespace

std::size_t record_size(const elf::Object& object) {
    const elf::Section* s = object.section(".livepatch.funcs");
    if (!s || s->bytes.size() <= version_at)
        return 0;
    const std::size_t size = s->bytes[version_at] == 2 ? 104 : s->bytes[version_at] == 1 ? 64 : 0;
    return size && s->bytes.size() % size == 0 ? size : 0;
}

std::vector<std::string> replaced_functions(const elf::Object& object) {
    std::vector<std::string> names;
    const std::size_t size = record_size(object);
    if (!size)
        return names;
    const elf::Section& s = *object.section(".livepatch.funcs");
    for (std::uint64_t record = 0; record < s.bytes.size(); record += size)
        names.push_back(name_of(object, s, record));
    return names;
}

} // namespace xlp::manifest
