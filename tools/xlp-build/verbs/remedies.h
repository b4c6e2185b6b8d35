// SPDX-License-Identifier: GPL-2.0-only
// The library's remedies name concepts ("bind it", "allow this refusal"); this says which option of
// ours is meant.
#pragma once

#include "tools/common/cli.h"

namespace xlp::build {

// Adds the option to each finding whose remedy calls for one.
void name_options(Findings&);

// The verb, with options named in its findings, those of its error included.
cli::Verb with_options_named(cli::Verb);

} // namespace xlp::build
