// SPDX-License-Identifier: GPL-2.0-only
// Function records and alternatives as the model reads them out of memory.
#pragma once

#include "payload/load/loading.h"

#include <cstring>

namespace xlp::load {

using RawRecord = xen::abi::Function;
using RawAlternative = xen::abi::Alternative;
using xen::abi::negated_feature;

// An entry of a table, shorter in old versions: what it has not got is zero.
template <class T>
T entry_at(const Loading& l, Address at, std::size_t size) {
    T entry{};
    l.machine.read(at, &entry, size);
    return entry;
}
inline RawRecord record_at(const Loading& l, Address at) {
    return entry_at<RawRecord>(l, at, l.rules.record_size);
}
inline RawAlternative alternative_at(const Loading& l, Address at) {
    return entry_at<RawAlternative>(l, at, l.rules.alternative_size);
}

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
