// SPDX-License-Identifier: GPL-2.0-only
// What the store offers to this host once everything that speaks against a payload was heard:
// signatures, the checks before an upload, holds, and what the index revokes.
#pragma once

#include "tools/xlp/disk/holds.h"
#include "tools/xlp/disk/index_file.h"
#include "tools/xlp/disk/store.h"
#include "tools/xlp/plan/choose.h"
#include "tools/xlp/plan/situation.h"
#include "tools/xlp/verbs/session.h"

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

// What is in the hypervisor, whoever brought it: by its content, as far as xlp's records or the
// store know that. What is wrong in the store does not matter here.
Result<Stack> what_is_loaded(const Paths&, const Store&, Session&);
// Tells the plan which payloads it applies.
void name_what_is_applied(Plan&, const Stack&);

Result<Offered> what_is_offered(const Paths&, const Store&, const Trust&, const Identity&,
                                Findings& findings);

} // namespace xlp::host
