// SPDX-License-Identifier: GPL-2.0-only
// --base NAME or DIR: instead of the options that name a base's files one by one.
#pragma once

#include "tools/common/cli.h"

#include <string>
#include <vector>

namespace xlp::build {

// A verb that takes --base: for --help.
cli::Verb with_base(cli::Verb);

// The words of a command line (program, verb, ...) with --base replaced by the options that it
// stands for, those that the verb has and that are not given. Errors: those of open_base.
Result<std::vector<std::string>> expand_base(std::vector<std::string> words);

} // namespace xlp::build
