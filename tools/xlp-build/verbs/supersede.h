// SPDX-License-Identifier: GPL-2.0-only
// --supersedes: payloads whose fixes a new one contains.
#pragma once

#include "payload/manifest/manifest.h"
#include "payload/pipeline/pipeline.h"
#include "tools/common/cli.h"

#include <string>
#include <vector>

namespace xlp::build {

struct Superseded {
    std::vector<std::string> build_ids;       // of all
    std::vector<manifest::Manifest> payloads; // of those that were given as files
};

// Reads BUILD_ID or PAYLOAD of each option. Errors: usage, file.unreadable, manifest.*.
Result<Superseded> read_superseded(const cli::po::variables_map&);

// Warnings where the new payload lacks what a superseded one has: `supersede.function`,
// `supersede.advisory`.
Findings check_superseded(const Superseded&, const std::vector<std::string>& advisories,
                          const pipeline::Assembly&);

} // namespace xlp::build
