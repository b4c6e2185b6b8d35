// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/disk/journal.h"

#include "tools/xlp/disk/records.h"
#include "tools/xlp/disk/state.h"
#include "tools/xlp/hypervisor/names.h"

#include <nlohmann/json.hpp>

namespace xlp::host {

Journal Journal::of(const Plan& plan, const Snapshot& host) {
    const std::set<std::string> names = plan.touches(host);
    Journal j{plan.operation, host.within(names), plan.after(host).within(names), {}, false, false};
    for (std::size_t i = 0; i < plan.commit_point(); ++i)
        if (plan.steps[i].kind == Step::Kind::unload)
            j.removes.insert(plan.steps[i].name);
    return j;
}

Result<void> write_journal(const Paths& paths, const Journal& j) {
    Json removes = Json::array();
    for (const std::string& name : j.removes)
        removes.push_back(encode_name(name));
    return put_json(paths.journal(), {{"schema", "xlp.journal/1"},
                                      {"boot", boot_id(paths)},
                                      {"operation", j.operation},
                                      {"before", to_json(j.before)},
                                      {"after", to_json(j.after)},
                                      {"removes", removes},
                                      {"committed", j.committed},
                                      {"unchecked", j.unchecked},
                                      {"started", utc_now()}});
}

Result<std::optional<Journal>> read_journal(const Paths& paths) {
    auto json = read_json_if_there(paths.journal());
    if (!json)
        return fail(json);
    if (!*json)
        return std::optional<Journal>();
    const Json& j = **json;
    if (text_of(j, "boot") != boot_id(paths)) // the hypervisor has started afresh since
        return std::optional<Journal>();
    const std::string operation = text_of(j, "operation");
    Journal journal{
        operation.empty() ? "operation" : operation, snapshot_from(j.value("before", Json())),
        snapshot_from(j.value("after", Json())),     {},
        j.value("committed", Json()) == true,        j.value("unchecked", Json()) == true};
    for (const Json& name : j.value("removes", Json::array()))
        if (name.is_string())
            journal.removes.insert(decode_name(name));
    return std::optional(std::move(journal));
}

} // namespace xlp::host
