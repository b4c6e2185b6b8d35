// SPDX-License-Identifier: GPL-2.0-only
// What a hook must not do.
#pragma once

#include "payload/diff/select.h"

namespace xlp::diff {

// Load, unload, apply and revert hooks run while all other CPUs stand still with interrupts off
// (xen/common/livepatch.c, check_for_livepatch_work()): a call that waits for them never returns.
// `hooks.waits` for each such call that is reached through code of the patch.
Findings check_hooks(const Program&, const Selection&);

} // namespace xlp::diff
