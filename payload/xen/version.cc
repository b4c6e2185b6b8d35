// SPDX-License-Identifier: GPL-2.0-only
#include "payload/xen/version.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>

namespace xlp::xen {

std::string Version::text() const {
    return fmt::format("{}.{}.{}", major, minor, point);
}

std::optional<Version> parse_version(std::string_view s) {
    Version v;
    const char* at = s.data();
    const char* const end = s.data() + s.size();
    auto number = [&](unsigned& out) {
        auto [next, error] = std::from_chars(at, end, out);
        at = next;
        return error == std::errc();
    };
    if (!number(v.major) || at == end || *at++ != '.' || !number(v.minor))
        return std::nullopt;
    if (at != end && *at == '.') {
        ++at;
        if (!number(v.point))
            return std::nullopt;
    }
    if (at != end && *at != '-' && *at != '+' && *at != '.')
        return std::nullopt;
    return v;
}

bool has_since(Version v, std::span<const Version> since) {
    for (const Version& s : since)
        if (s.major == v.major && s.minor == v.minor)
            return v >= s;
    return !since.empty() && v > *std::max_element(since.begin(), since.end());
}

} // namespace xlp::xen
