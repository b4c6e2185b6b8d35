// SPDX-License-Identifier: GPL-2.0-only
// Room for xlp's records on a full file system: a file in the state directory that is given up for
// a record that finds no room. Without the record of a trial `xlp sync' applies nothing, so a log
// that fills /var would leave the host without its payloads at the next boot.
#pragma once

#include "payload/base/json.h"
#include "payload/base/result.h"
#include "tools/xlp/disk/paths.h"

namespace xlp::host {

// As put_json() (state.h); where there is no room, the reserve is given up and it is tried again.
Result<void> put_record(const Paths&, const std::filesystem::path&, const Json&);

bool has_reserve(const Paths&);
// Makes it, or as much of it as there is room for; less than all of it is `host.no-room`. Removes
// what killed xlps left of records that they were writing. The host's lock must be held.
Findings keep_reserve(const Paths&);
// That warning.
Finding no_room(const Paths&);

} // namespace xlp::host
