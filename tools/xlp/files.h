// SPDX-License-Identifier: GPL-2.0-only
// Files that are whole or not there: written beside, synced, renamed. Errors are "host.disk",
// kind `environment`.
#pragma once

#include "payload/result.h"

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace xlp::host {

// Makes the folder of the file where it is missing. After success the contents survive a power cut.
Result<void> write_atomically(const std::filesystem::path&, std::string_view contents,
                              unsigned mode = 0644);
Result<void> remove_file(const std::filesystem::path&); // it need not be there

// Nothing when there is no such file. Refuses files beyond 64 MiB.
Result<std::optional<std::string>> read_if_there(const std::filesystem::path&);

// Nothing when there is no such file; a file that is no JSON object counts as damaged: bad input.
Result<std::optional<nlohmann::ordered_json>> read_json(const std::filesystem::path&);

inline std::string_view as_text(std::span<const std::uint8_t> b) {
    return {reinterpret_cast<const char*>(b.data()), b.size()};
}

} // namespace xlp::host
