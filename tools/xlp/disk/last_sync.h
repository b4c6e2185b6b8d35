// SPDX-License-Identifier: GPL-2.0-only
// How the last sync of this host ended, for monitoring. Also written by a sync that ended before it
// began, so that an older success is not taken for its result.
#pragma once

#include "payload/base/result.h"
#include "tools/xlp/disk/paths.h"

#include <optional>
#include <string>

namespace xlp::host {

struct LastSync {
    std::string when;   // UTC
    int result = 0;     // its exit code
    std::string reason; // "host.locked: Another xlp ...", or why it was switched off; may be empty
};

Result<void> note_sync(const Paths&, int result, const std::string& reason);
std::optional<LastSync> last_sync(const Paths&); // nothing when it cannot be read

} // namespace xlp::host
