// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/disk/state.h"

#include <nlohmann/json.hpp>

namespace xlp::host {

Result<void> put(const std::filesystem::path& path, std::string_view text, WriteOptions options) {
    if (auto made = make_folder(path.parent_path()); !made)
        return made;
    return write_file(path, text, options);
}

Result<void> put_json(const std::filesystem::path& path, const Json& j) {
    return put(path, j.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

std::string text_of(const Json& j, const char* key) {
    return j.is_object() && j.contains(key) && j[key].is_string() ? j[key].get<std::string>() : "";
}

} // namespace xlp::host
