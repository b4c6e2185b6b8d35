// SPDX-License-Identifier: GPL-2.0-only
// What the verbs of xlp-qa share: the options of a machine, and how they become one.
#pragma once

#include "tools/common/cli.h"
#include "tools/xlp-qa/scenario/plan.h"
#include "tools/xlp-qa/verbs/report.h"

namespace xlp::qa {

namespace po = cli::po;
using cli::Json;
using cli::Output;

po::options_description machine_options();
void add_life_cycle_options(po::options_description&); // of verbs that take a payload through it
void add_payload_argument(po::options_description&, bool required);

using Progress = std::function<void(const std::string&)>;
Result<Testbed> prepare(const po::variables_map&, int cancel, const Progress&);

// The machine, for the document of --json and as a line of text.
Json hypervisor_json(const po::variables_map&, const Testbed&);
Json machine_json(const Testbed&);
std::string machine_line(const Testbed&);

std::vector<fs::path> payload_arguments(const po::variables_map&);
Result<std::vector<Payload>> read_payloads(const std::vector<fs::path>&);

// What --junit and --serial ask for.
Result<void> write_outputs(const po::variables_map&, const std::vector<NamedOutcome>&,
                           const std::vector<XtfProof>& proofs = {});

} // namespace xlp::qa
