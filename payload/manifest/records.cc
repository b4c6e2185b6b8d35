// SPDX-License-Identifier: GPL-2.0-only
#include "payload/manifest/records.h"

#include "payload/xen/abi.h"

#include <algorithm>
#include <cstring>

namespace xlp::manifest {
namespace {

using Head = xen::abi::FunctionHead;

const elf::Relocation* relocation_at(const elf::Section& s, std::uint64_t offset) {
    auto it =
        std::lower_bound(s.relocations.begin(), s.relocations.end(), offset,
                         [](const elf::Relocation& r, std::uint64_t o) { return r.offset < o; });
    return it != s.relocations.end() && it->offset == offset ? &*it : nullptr;
}

std::string name_of(const elf::Object& object, const elf::Section& records, std::uint64_t record) {
    if (const elf::Relocation* r = relocation_at(records, record + offsetof(Head, name))) {
        const elf::Symbol& symbol = object.symbols()[r->symbol];
        const elf::Section* strings = object.section_of(symbol);
        const std::uint64_t at = symbol.value + static_cast<std::uint64_t>(r->addend);
        if (strings && at < strings->bytes.size()) {
            const auto from = strings->bytes.begin() + static_cast<std::ptrdiff_t>(at);
            return {from, std::find(from, strings->bytes.end(), 0)};
        }
    }
    return {};
}

ReplacedFunction read_record(const elf::Object& object, const elf::Section& records,
                             std::uint64_t record) {
    ReplacedFunction f;
    f.name = name_of(object, records, record);
    const std::uint64_t address = record + offsetof(Head, old_addr);
    if (const elf::Relocation* r = relocation_at(records, address))
        f.old_symbol = object.symbols()[r->symbol].name;
    if (f.name.empty()) // which may be left out then
        f.name = f.old_symbol;
    std::memcpy(&f.old_address, &records.bytes[address], sizeof f.old_address);
    return f;
}

} // namespace

std::size_t record_size(const elf::Object& object) {
    const elf::Section* s = object.section(".livepatch.funcs");
    if (!s || s->bytes.size() <= offsetof(Head, version))
        return 0;
    const std::size_t size = xen::abi::function_size(s->bytes[offsetof(Head, version)]);
    return size && s->bytes.size() % size == 0 ? size : 0;
}

std::vector<ReplacedFunction> replaced_functions(const elf::Object& object) {
    std::vector<ReplacedFunction> functions;
    const std::size_t size = record_size(object);
    if (!size)
        return functions;
    const elf::Section& s = *object.section(".livepatch.funcs");
    for (std::uint64_t record = 0; record < s.bytes.size(); record += size)
        functions.push_back(read_record(object, s, record));
    return functions;
}

} // namespace xlp::manifest
