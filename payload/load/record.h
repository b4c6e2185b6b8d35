// SPDX-License-Identifier: GPL-2.0-only
// Function records and alternatives as the model reads them out of memory.
#pragma once

#include "payload/load/model.h"
#include "payload/xen/abi.h"

#include <cstring>

namespace xlp::load {

using RawRecord = xen::abi::Function;
using RawAlternative = xen::abi::Alternative;
using xen::abi::negated_feature;

inline Expectation expectation_of(const RawRecord& r) {
    Expectation e;
    e.enabled = r.expect_head & 1;
    e.length = (r.expect_head >> 1) & 0x1f;
    e.reserved = r.expect_head >> 6;
    std::memcpy(e.data.data(), r.expect_data, sizeof r.expect_data);
    return e;
}

inline Address original_of(const RawAlternative& a, Address at) {
    return at + static_cast<std::uint64_t>(std::int64_t{a.orig_offset});
}
inline Address replacement_of(const RawAlternative& a, Address at) {
    return at + offsetof(RawAlternative, repl_offset)
           + static_cast<std::uint64_t>(std::int64_t{a.repl_offset});
}

} // namespace xlp::load
