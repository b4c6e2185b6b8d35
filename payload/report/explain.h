// SPDX-License-Identifier: GPL-2.0-only
// Why is each thing in the payload?
#pragma once

#include "payload/base/json.h"
#include "payload/pipeline/pipeline.h"

#include <filesystem>
#include <string>
#include <vector>

namespace xlp::report {

// As a document: build-id, size, contents with their reasons, functions left out.
Json describe(const pipeline::Assembly&);
// A line for everything in the payload, function by function.
std::vector<std::string> explain(const pipeline::Assembly&);
// The result in one line.
std::string summary(const pipeline::Assembly&, const std::filesystem::path& output);

} // namespace xlp::report
