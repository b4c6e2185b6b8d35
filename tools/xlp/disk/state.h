// SPDX-License-Identifier: GPL-2.0-only
// Small files of our own, each written whole and durably; its folder is made when it is missing.
#pragma once

#include "payload/base/file.h"
#include "payload/base/json.h"

#include <string>

namespace xlp::host {

Result<void> put(const std::filesystem::path&, std::string_view text, WriteOptions = {});
Result<void> put_json(const std::filesystem::path&, const Json&);

// A member that is a text; empty when it is absent or something else.
std::string text_of(const Json&, const char* key);

} // namespace xlp::host
