// SPDX-License-Identifier: GPL-2.0-only
// Which Xen a payload is for, and what of the contract depends on it. Versions were read off the
// tags of xen.git; docs/xen-versions.md lists the commits.
#pragma once

#include "payload/base/result.h"

#include <compare>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace xlp::xen {

struct Version {
    unsigned major = 0;
    unsigned minor = 0;
    unsigned point = 0; // of a release; for a development tree its branch's 0

    auto operator<=>(const Version&) const = default;
    std::string text() const; // "4.17.5"
};

// "4.17", "4.17.5", "4.17.5-rc1", "4.20-unstable"; nothing for other text.
std::optional<Version> parse_version(std::string_view);

// First with livepatching at all, and first and last that this tool was made for.
inline constexpr Version oldest_supported{4, 7, 0};

// True for `v` at or behind the point release of its branch that is listed, or in a branch newer
// than all listed. `since` is ordered: the point release within each branch that got a change.
bool has_since(Version v, std::initializer_list<Version> since);

// struct livepatch_func (xen/include/public/sysctl.h): version 2 of 104 bytes since 4.14.
inline unsigned payload_version(Version v) {
    return v >= Version{4, 14, 0} ? 2 : 1;
}
inline std::size_t function_record_size(Version v) {
    return payload_version(v) == 2 ? 104 : 64;
}

// The loader demands .livepatch.xen_depends, runs the pre/post/replacement hooks and knows
// expectations and .modinfo.
inline bool has_expectations(Version v) {
    return v >= Version{4, 14, 0};
}

// struct alt_instr (xen/arch/x86/include/asm/alternative.h): 12 bytes before 4.11, then 14.
inline std::size_t alternative_entry_size(Version v) {
    return v >= Version{4, 11, 0} ? 14 : 12;
}

// .alt_call_sites replaced the older scheme of alternative calls.
inline bool has_alt_call_sites(Version v) {
    return v >= Version{4, 21, 0};
}

// Static names are qualified by the path below xen/ rather than by the file's base name.
inline bool has_path_qualified_names(Version v) {
    return v >= Version{4, 13, 0};
}

// The loader gives zero-size allocated sections an address (0dc1f929e8).
bool places_empty_sections(Version);

} // namespace xlp::xen
