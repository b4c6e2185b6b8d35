// SPDX-License-Identifier: GPL-2.0-only
// A verdict as JSON and as lines of text.
#pragma once

#include "payload/load/model.h"

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace xlp::load {

// upload, apply, stages, layout, functions, symbols; the findings are not in it.
nlohmann::ordered_json to_json(const Verdict&);

// The stages, and what upload and application would say.
std::vector<std::string> to_lines(const Verdict&);

} // namespace xlp::load
