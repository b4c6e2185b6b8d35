// SPDX-License-Identifier: GPL-2.0-only
// The command line's share of a build: the options that every verb which compiles takes.
#pragma once

#include "payload/base/json.h"
#include "tools/common/cli.h"
#include "tools/xlp-build/compile/compile.h"

namespace xlp::build {

void add_request_options(cli::po::options_description& options);
Request read_request(const cli::po::variables_map& vm);

// {"object", "source", "reasons", ...}
Json to_json(const Unit& unit);

} // namespace xlp::build
