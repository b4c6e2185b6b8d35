// SPDX-License-Identifier: GPL-2.0-only
// Which Xen something is for. What depends on the version is in payload/xen/contract.h.
#pragma once

#include "payload/base/result.h"

#include <compare>
#include <optional>
#include <span>
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

// True for `v` at or behind the point release of its branch that is listed, or in a branch newer
// than all listed. `since` is ordered: the point release within each branch that got a change.
bool has_since(Version v, std::span<const Version> since);

} // namespace xlp::xen
