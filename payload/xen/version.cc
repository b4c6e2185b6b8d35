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

bool has_since(Version v, std::initializer_list<Version> since) {
    for (const Version& s : since)
        if (s.major == v.major && s.minor == v.minor)
            return v >= s;
    return since.size() && v > *std::max_element(since.begin(), since.end());
}

bool places_empty_sections(Version v) {
    return v < Version{4, 8, 0} || has_since(v, {{4, 14, 5}, {4, 15, 3}, {4, 16, 1}, {4, 17, 0}});
}

} // namespace xlp::xen
