// SPDX-License-Identifier: GPL-2.0-only
// Functions that must not be replaced: nothing in Xen refuses it, and it kills the host.
#pragma once

#include "payload/xen/image.h"

#include <string>
#include <string_view>

namespace xlp::load {

// Why the function at this address must not be replaced; empty if it may.
std::string why_forbidden(const xen::Image&, xen::Address, std::string_view name);

} // namespace xlp::load
