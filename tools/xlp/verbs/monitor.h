// SPDX-License-Identifier: GPL-2.0-only
// `xlp status --monitor': what the document of `xlp status' means to a monitoring system.
#pragma once

#include "payload/base/json.h"
#include "payload/base/result.h"

#include <string>

namespace xlp::host {

// As monitoring plugins do: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.
int plugin_code(const Json& doc);
// `why`: why nothing is known; empty when something is.
std::string plugin_line(const Json& doc, const Findings& why);

} // namespace xlp::host
