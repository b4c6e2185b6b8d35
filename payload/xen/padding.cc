// SPDX-License-Identifier: GPL-2.0-only
#include "payload/xen/padding.h"

#include "payload/base/bytes.h"

#include <algorithm>

namespace xlp::xen {

namespace {

// Length of the no-operation that the bytes start with; 0 if there is none. As the assembler and
// the linker make them: NOP and `nopw/nopl m`, behind 0x66 and %cs prefixes.
std::size_t nop_length(View code) {
    std::size_t at = 0;
    auto byte = [&](std::size_t i) { return i < code.size() ? code[i] : std::uint8_t{0}; };
    while (byte(at) == 0x66 || byte(at) == 0x2e)
        ++at;
    if (byte(at) == 0x90 || (at == 0 && byte(at) == 0xcc))
        return at + 1;
    if (byte(at) != 0x0f || byte(at + 1) != 0x1f)
        return 0;
    at += 2;
    const unsigned mod = byte(at) >> 6, memory = byte(at) & 7;
    if (mod == 3 || (mod == 0 && memory == 5))
        return 0;
    at += 1 + (memory == 4) + (mod == 1 ? 1 : mod == 2 ? 4 : 0);
    return at <= code.size() ? at : 0;
}

} // namespace

std::size_t padding(View code) {
    std::size_t at = 0;
    while (const std::size_t length = at < code.size() ? nop_length(code.subspan(at)) : 0)
        at += length;
    return at;
}

std::uint64_t padded_size(const Image& image, const ImageSymbol& function) {
    const Address end = function.address + function.size;
    const elf::Section* home = image.section_at(function.address);
    if (!home)
        return function.size;
    Address limit = home->address + home->bytes.size();
    const auto& symbols = image.symbols();
    auto next = std::lower_bound(symbols.begin(), symbols.end(), end,
                                 [](const ImageSymbol& s, Address a) { return s.address < a; });
    if (next != symbols.end())
        limit = std::min(limit, next->address);
    if (limit <= end)
        return function.size;
    return function.size + padding(image.bytes(end, limit - end));
}

} // namespace xlp::xen
