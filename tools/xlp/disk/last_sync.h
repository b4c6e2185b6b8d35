// SPDX-License-Identifier: GPL-2.0-only
// How the last sync of this host ended, for monitoring.
#pragma once

#include "payload/base/result.h"
#include "tools/xlp/disk/paths.h"

#include <optional>
#include <string>

namespace xlp::host {

struct LastSync {
    std::string when; // UTC
    int result = 0;   // its exit code
};

Result<void> note_sync(const Paths&, int result);
std::optional<LastSync> last_sync(const Paths&); // nothing when it cannot be read

} // namespace xlp::host
