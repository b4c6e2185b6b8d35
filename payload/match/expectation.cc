// SPDX-License-Identifier: GPL-2.0-only
#include "payload/match/expectation.h"

#include "payload/base/bytes.h"

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
    if (bytes.empty())
        return std::nullopt;
    return Bytes(bytes.begin(), bytes.end());
}

} // namespace xlp::match
