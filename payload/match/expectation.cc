// SPDX-License-Identifier: GPL-2.0-only
#include "payload/match/expectation.h"

#include "payload/base/bytes.h"
#include "payload/match/trampoline.h"

#include <algorithm>

namespace xlp::match {

namespace {
constexpr std::uint64_t longest_rewritten = 510; // Tables::rewritten
}

std::optional<Bytes> expectation(const xen::Image& image, const Tables& tables, Address address,
                                 std::uint64_t size) {
    std::uint64_t length = std::min<std::uint64_t>(size, longest_expectation);
    auto it = std::lower_bound(tables.rewritten.begin(), tables.rewritten.end(),
                               address - longest_rewritten,
                               [](const Range& r, Address a) { return r.begin < a; });
    for (; it != tables.rewritten.end() && it->begin < address + length; ++it)
        if (it->end > address)
            length = it->begin > address ? it->begin - address : 0;
    const View bytes = image.bytes(address, length);
    // where a payload's code lies, and so its fields, is not known before it is loaded
    if (bytes.empty() || image.in_payload(address))
        return std::nullopt;
    Bytes expected(bytes.begin(), bytes.end());
    if (image.replacement_of(address)) { // a jump, to somewhere
        const std::uint64_t jump = jump_offset(image, address);
        if (expected.size() <= jump)
            return std::nullopt;
        expected.resize(jump + 1);
        expected[jump] = xen::abi::jump_opcode;
    }
    return expected;
}

} // namespace xlp::match
