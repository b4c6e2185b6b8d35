// SPDX-License-Identifier: GPL-2.0-only
// Completion for bash and zsh, made from the tables that the tool itself parses with, so that the
// two cannot differ.
#pragma once

#include "tools/common/cli.h"

#include <optional>
#include <string>

namespace xlp::cli {

// The script for "bash" or "zsh"; nothing for another shell.
std::optional<std::string> completion(const Tool&, const po::options_description& common,
                                      const std::string& shell);

} // namespace xlp::cli
