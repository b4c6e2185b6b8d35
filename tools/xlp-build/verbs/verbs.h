// SPDX-License-Identifier: GPL-2.0-only
// The verbs of xlp-build; each in a file of its own.
#pragma once

#include "tools/common/cli.h"

namespace xlp::build {

cli::Verb payload_verb();
cli::Verb diff_verb();
cli::Verb inspect_verb();
cli::Verb sign_verb();
cli::Verb report_verb();
cli::Verb verify_verb();
cli::Verb units_verb();
cli::Verb matrix_verb();
cli::Verb recipe_verb();
cli::Verb base_verb();

} // namespace xlp::build
