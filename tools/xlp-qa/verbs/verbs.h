// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "tools/common/cli.h"

namespace xlp::qa {

// The whole tool. `cancel` becomes readable when everything shall stop (a signalfd of main's).
cli::Tool make_tool(int cancel);

// What each verb does, a file each.
Result<void> run(const cli::po::variables_map&, const cli::Output&, cli::Json& doc, Findings&,
                 int cancel);
Result<void> batch(const cli::po::variables_map&, const cli::Output&, cli::Json& doc, Findings&,
                   int cancel);
Result<void> xtf(const cli::po::variables_map&, const cli::Output&, cli::Json& doc, Findings&,
                 int cancel);

} // namespace xlp::qa
