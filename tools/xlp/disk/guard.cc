// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/disk/guard.h"

#include "payload/base/file.h"
#include "payload/base/json.h"
#include "tools/xlp/disk/records.h"
#include "tools/xlp/hypervisor/names.h"

#include <nlohmann/json.hpp>

namespace xlp::host {

using Json = nlohmann::ordered_json;

Result<void> Guard::set(const std::string& operation,
                        const std::vector<std::string>& payloads) const {
    auto left = foreign(paths_.guard());
    if (!left)
        return fail(left);
    if (*left) {
        std::error_code ec;
        std::filesystem::rename(paths_.guard(), paths_.crash(), ec);
        if (ec)
            return fail(environment("host.disk",
                                    "The trace of a crash cannot be kept: " + ec.message() + ".",
                                    {}, {paths_.crash(), {}, {}, 0}));
    }
    Json names = Json::array();
    for (const std::string& p : payloads)
        names.push_back(encode_name(p));
    const Json j = {{"schema", "xlp.guard/1"},
                    {"boot", boot_id(paths_)},
                    {"operation", operation},
                    {"when", utc_now()},
                    {"payloads", names}};
    return write_file(paths_.guard(), j.dump(2) + "\n");
}

Result<void> Guard::clear() const {
    auto left = foreign(paths_.guard());
    if (!left)
        return fail(left);
    return *left ? Result<void>() : remove_file(paths_.guard());
}

Result<void> Guard::forgive() const {
    if (auto done = remove_file(paths_.crash()); !done)
        return done;
    return remove_file(paths_.guard());
}

Result<std::optional<Crash>> Guard::crash() const {
    auto kept = foreign(paths_.crash());
    return !kept || *kept ? kept : foreign(paths_.guard());
}

Result<std::optional<Crash>> Guard::foreign(const std::filesystem::path& file) const {
    auto json = read_json_if_there(file);
    // a marker cut short was being written, or its disk suffered in a crash: both call for care
    if (!json && json.error().front().code == "file.damaged")
        return std::optional(Crash{"an operation", "an unknown time", {}});
    if (!json)
        return fail(json);
    if (!*json)
        return std::optional<Crash>();
    const Json& j = **json;
    const auto text = [&](const char* key) {
        return j.contains(key) && j[key].is_string() ? j[key].get<std::string>() : std::string();
    };
    if (text("boot") == boot_id(paths_))
        return std::optional<Crash>();
    Crash c{text("operation"), text("when"), {}};
    if (j.contains("payloads") && j["payloads"].is_array())
        for (const auto& p : j["payloads"])
            if (p.is_string())
                c.payloads.push_back(decode_name(p));
    return std::optional(std::move(c));
}

} // namespace xlp::host
