// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "tools/common/cli.h"

namespace xlp::qa {

// The whole tool. `cancel` becomes readable when everything shall stop (a signalfd of main's).
cli::Tool make_tool(int cancel);

} // namespace xlp::qa
