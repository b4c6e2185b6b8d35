// SPDX-License-Identifier: GPL-2.0-only
// The bytes that a function record tells the hypervisor to expect at the old address
// (livepatch_expectation_t, xen/include/public/sysctl.h). The hypervisor compares them with live
// memory, which boot has rewritten in places; those must stay out, or a right payload is refused.
#pragma once

#include "payload/base/bytes.h"
#include "payload/match/tables.h"

#include <optional>

namespace xlp::match {

inline constexpr std::size_t longest_expectation = 31; // LIVEPATCH_OPAQUE_SIZE

// The first bytes of the function at `address`, up to `size`, 31, or the first byte that boot may
// rewrite on some processor; where a payload put a jump, up to the jump's first byte. Nothing if
// that leaves none, the image has no bytes there, or it is a payload's function.
std::optional<Bytes> expectation(const xen::Image&, const Tables&, Address address,
                                 std::uint64_t size);

} // namespace xlp::match
