// SPDX-License-Identifier: GPL-2.0-only
#include "payload/base/json.h"

#include "payload/base/file.h"

#include <nlohmann/json.hpp>

namespace xlp {

Result<std::optional<Json>> read_json_if_there(const std::filesystem::path& path) {
    auto text = read_text_if_there(path);
    if (!text)
        return fail(text);
    if (!*text)
        return std::optional<Json>();
    Json j = Json::parse(**text, nullptr, false);
    if (!j.is_object())
        return fail(bad_input("file.damaged",
                              "This file is damaged: it does not hold a JSON object.",
                              "Inspect it and remove it.", {.file = path.string()}));
    return std::optional(std::move(j));
}

} // namespace xlp
