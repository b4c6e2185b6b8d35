// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/disk/last_sync.h"

#include "tools/xlp/disk/records.h"
#include "tools/xlp/disk/reserve.h"
#include "tools/xlp/disk/state.h"

#include <nlohmann/json.hpp>

namespace xlp::host {

Result<void> note_sync(const Paths& paths, int result, const std::string& reason) {
    return put_record(paths, paths.last_sync(),
                      {{"schema", "xlp.last-sync/1"},
                       {"when", utc_now()},
                       {"result", result},
                       {"reason", reason}});
}

std::optional<LastSync> last_sync(const Paths& paths) {
    auto json = read_json_if_there(paths.last_sync());
    if (!json || !*json || !(**json)["result"].is_number_integer())
        return std::nullopt;
    return LastSync{text_of(**json, "when"), (**json)["result"].get<int>(),
                    text_of(**json, "reason")};
}

} // namespace xlp::host
