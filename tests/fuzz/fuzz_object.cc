// SPDX-License-Identifier: GPL-2.0-only
// elf::Object: what it takes must be safe to use.
#include "payload/elf/note.h"

#include <cstdlib>

namespace {

std::uint64_t sum_of(xlp::View bytes) {
    std::uint64_t sum = 0;
    for (std::uint8_t b : bytes)
        sum += b;
    return sum;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    auto object = xlp::elf::Object::parse({data, data + size}, "fuzz");
    if (!object) {
        if (object.error().empty()) // a failure has reasons
            std::abort();
        return 0;
    }
    volatile std::uint64_t used = 0;
    for (const auto& s : object->sections()) {
        used = used + s.name.size() + sum_of(s.bytes);
        for (const auto& r : s.relocations)
            used = used + object->symbols().at(r.symbol).value;
    }
    for (const auto& s : object->symbols())
        if (const auto* section = object->section_of(s))
            used = used + section->size + s.name.size() + s.file.size();
    if (auto id = xlp::elf::build_id(*object))
        used = used + id->size();
    return 0;
}
