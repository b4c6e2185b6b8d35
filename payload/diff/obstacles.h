// SPDX-License-Identifier: GPL-2.0-only
// What a patch changed that replacing functions cannot bring into a running hypervisor.
#pragma once

#include "payload/diff/select.h"

namespace xlp::diff {

// Refusals and warnings about changed data, boot code, assembly, boot-time arrays and per-CPU
// variables. Where some functions are replaced all the same, what only takes effect at boot is a
// warning that names the missing half; where nothing is left to replace, it is a refusal.
Findings obstacles(const Program&, const Selection&);

} // namespace xlp::diff
