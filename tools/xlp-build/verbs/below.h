// SPDX-License-Identifier: GPL-2.0-only
// --below: the payloads that are applied already, with the patches that they were built from.
#pragma once

#include "payload/manifest/manifest.h"
#include "payload/pipeline/stack.h"
#include "tools/common/cli.h"

#include <filesystem>
#include <vector>

namespace xlp::build {

struct Below {
    std::vector<pipeline::PayloadFile> payloads; // from the bottom up
    std::vector<std::filesystem::path> patches;  // of all of them, in order
    std::vector<manifest::Input> inputs;         // for the manifest of what goes on top
    Findings findings;
};

// Adds --below.
void add_below_option(cli::po::options_description&);

// Reads PAYLOAD[=PATCH,...]. Patches that are not given are those that the manifest beside the
// payload names, looked for there and in `folder`, and known by their hash. Errors: usage,
// file.unreadable, below.no-patch, below.other-patch, manifest.*.
Result<Below> read_below(const cli::po::variables_map&, const std::filesystem::path& folder);
// The same for originals that are compiled already: patches are not asked for.
Result<Below> read_below(const cli::po::variables_map&);

} // namespace xlp::build
