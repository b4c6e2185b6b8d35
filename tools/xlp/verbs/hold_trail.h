// SPDX-License-Identifier: GPL-2.0-only
// Holds in the audit trail (docs/xlp.md): what was held back, by a crash or by the operator's
// hold.d, and what was released again.
#pragma once

#include "tools/xlp/disk/holds.h"
#include "tools/xlp/disk/store.h"
#include "tools/xlp/executor/trail.h"

namespace xlp::host {

void tell_held(const Trail&, const AfterCrash&);
void tell_released(const Trail&, const std::vector<Hold>&, const std::string& xen);
// What changed in hold.d since this was last called for the hypervisor.
Result<void> tell_words(const Trail&, const Paths&, const Holds&, const Store&,
                        const std::string& xen);

} // namespace xlp::host
