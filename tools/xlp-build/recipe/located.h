// SPDX-License-Identifier: GPL-2.0-only
// JSON with the line of every value, for files that people write: all faults of a file are told at
// once, each with its line.
#pragma once

#include "payload/base/json.h"
#include "payload/base/result.h"

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace xlp::build {

struct LocatedJson { // NOLINT(bugprone-exception-escape): moving a Json value checks it
    Json value;
    std::map<std::string, unsigned> lines; // by JSON pointer: "/branches/4.17/commits/0"
    Findings faults;                       // keys that are there twice

    // The line of a value, or of the nearest one around it.
    unsigned line(std::string pointer) const;
};

// Errors: `recipe.malformed`, with the line.
Result<LocatedJson> parse_located(std::string_view text, const std::filesystem::path& file);

// "a/b" as one step of a pointer.
std::string pointer_step(std::string_view key);

} // namespace xlp::build
