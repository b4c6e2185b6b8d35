// SPDX-License-Identifier: GPL-2.0-only
// What the store offers to this host once everything that speaks against a payload was heard:
// signatures, the checks before an upload, holds, and what the index revokes.
#pragma once

#include "tools/xlp/disk/holds.h"
#include "tools/xlp/disk/index_file.h"
#include "tools/xlp/disk/store.h"
#include "tools/xlp/plan/choose.h"

namespace xlp::host {

struct Offered {
    Offer offer;
    IndexFile index;
    Holds holds;
};

Result<Offered> what_is_offered(const Paths&, const Store&, const Trust&, const Identity&,
                                Findings& findings);

} // namespace xlp::host
