// SPDX-License-Identifier: GPL-2.0-only
// Bytes in memory, seen as numbers or as text.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace xlp {

using Bytes = std::vector<std::uint8_t>;
using View = std::span<const std::uint8_t>;

// The same memory under the other type. The view lives as long as what it was made from.
inline std::string_view as_text(View bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline View as_bytes(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string hex(View);                               // lower case, no separators
std::optional<Bytes> from_hex(std::string_view hex); // even length, hexadecimal digits only

} // namespace xlp
