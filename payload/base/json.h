// SPDX-License-Identifier: GPL-2.0-only
// The JSON type of all our documents: keys keep their order, so that the same content gives the
// same bytes. Include <nlohmann/json.hpp> where it is used.
#pragma once

#include "payload/base/result.h"

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>

namespace xlp {

using Json = nlohmann::ordered_json;

// A file that holds one JSON object; nothing if there is no such file. Errors: `file.unreadable`;
// `file.damaged` (bad input) for anything else than a JSON object.
Result<std::optional<Json>> read_json_if_there(const std::filesystem::path&);

} // namespace xlp
