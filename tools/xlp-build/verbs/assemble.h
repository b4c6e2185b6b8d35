// SPDX-License-Identifier: GPL-2.0-only
// What `payload` and `diff` share: options about the payload, and the pipeline's run.
#pragma once

#include "payload/pipeline/pipeline.h"
#include "tools/common/cli.h"
#include "tools/xlp-build/verbs/image.h"

#include <functional>

namespace xlp::build {

// With those of the hypervisor (image.h).
void add_payload_options(cli::po::options_description&);

// Options of the pipeline as the command line has them; `name` is what the payload is uploaded
// under. Errors: usage.
Result<pipeline::Options> read_payload_options(const cli::po::variables_map&, std::string name);

// Compiles a unit in another way; an empty path where that makes no difference.
using Compile = std::function<Result<std::filesystem::path>(const pipeline::Need&)>;
// Runs the pipeline to its end.
Result<pipeline::Assembly> assemble(std::vector<pipeline::ObjectPair>, const xen::Image&,
                                    pipeline::Options, const Compile&);

} // namespace xlp::build
