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

// What the operator, an earlier crash, or the publisher's index says against these bytes:
// `preflight.held`, `preflight.revoked`. For payloads that do not come from the store.
Result<Findings> check_withheld(const Paths&, const Store&, const Trust&, const Identity&,
                                const Blob&, const Where&);

Result<Offered> what_is_offered(const Paths&, const Store&, const Trust&, const Identity&,
                                Findings& findings);

} // namespace xlp::host
