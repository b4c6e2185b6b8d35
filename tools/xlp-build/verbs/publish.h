// SPDX-License-Identifier: GPL-2.0-only
// What the builder leaves on disk: payload, manifest, report.
#pragma once

#include "payload/manifest/manifest.h"
#include "payload/pipeline/pipeline.h"

#include <filesystem>

namespace xlp::build {

// Writes the payload and, before it, its manifest, so that no payload is ever without one: what
// `given` says (name, title, advisories, inputs, tool), what the payload itself tells, and why
// everything is in it. On failure neither is left behind.
Result<void> publish(const std::filesystem::path& output, const manifest::Manifest& given,
                     const xen::Image&, const pipeline::Assembly&);

// One HTML page about a payload on disk, with the reasons of its manifest if there is one.
Result<void> write_report(const std::filesystem::path& payload, const xen::Image&,
                          const load::Verdict&, const std::filesystem::path& output);

} // namespace xlp::build
