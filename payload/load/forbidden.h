// SPDX-License-Identifier: GPL-2.0-only
// Functions that must not be replaced, or not lightly: nothing in Xen refuses it.
#pragma once

#include "payload/xen/image.h"

#include <string>
#include <string_view>

namespace xlp::load {

// Why the function at this address must not be replaced; empty if it may.
std::string why_forbidden(const xen::Image&, xen::Address, std::string_view name);

// What can happen in the moment at which this function is replaced; empty if nothing can.
std::string why_risky(std::string_view name);

} // namespace xlp::load
