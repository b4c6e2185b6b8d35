// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/disk/trial.h"

#include "tools/xlp/disk/records.h"
#include "tools/xlp/disk/reserve.h"
#include "tools/xlp/disk/settled.h"
#include "tools/xlp/disk/state.h"
#include "tools/xlp/hypervisor/names.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace xlp::host {

namespace {

Result<void> note_settled(const Paths& paths, TrialRecord r) {
    std::erase_if(r.payloads, [](const OnTrial& p) { return !p.confirmed; });
    auto settled = Settled::read(paths);
    if (!settled)
        return fail(settled);
    settled->add(r);
    return settled->write();
}

} // namespace

std::string id_of(const OnTrial& p) {
    if (!p.sha256.empty() || !p.build_id.empty())
        return p.sha256.empty() ? p.build_id : p.sha256;
    return "name=" + encode_name(p.name);
}

Result<std::optional<TrialRecord>> Trial::read() const {
    auto json = read_json_if_there(paths_.trial());
    if (!json && json.error().front().code == "file.damaged")
        return std::optional(TrialRecord{{}, {}, "an operation", "an unknown time", {}, {}, true});
    if (!json)
        return fail(json);
    if (!*json)
        return std::optional<TrialRecord>();
    const Json& j = **json;
    TrialRecord r{
        text_of(j, "boot"), text_of(j, "xen"), text_of(j, "operation"), text_of(j, "when"), {}, {}};
    if (j.contains("since") && j["since"].is_number_integer())
        r.since = Nanoseconds(j["since"].get<std::int64_t>());
    if (j.contains("payloads") && j["payloads"].is_array())
        for (const Json& p : j["payloads"])
            r.payloads.push_back({decode_name(text_of(p, "name")), text_of(p, "sha256"),
                                  text_of(p, "build_id"),
                                  p.is_object() && p.value("confirmed", Json()) == true});
    return std::optional(std::move(r));
}

Result<void> Trial::write(const TrialRecord& r) const {
    Json payloads = Json::array();
    for (const OnTrial& p : r.payloads)
        payloads.push_back({{"name", encode_name(p.name)},
                            {"sha256", p.sha256},
                            {"build_id", p.build_id},
                            {"confirmed", p.confirmed}});
    return put_record(paths_, paths_.trial(),
                      {{"schema", "xlp.trial/1"},
                       {"boot", r.boot},
                       {"xen", r.xen},
                       {"operation", r.operation},
                       {"when", r.when},
                       {"since", r.since.count()},
                       {"payloads", payloads}});
}

Result<std::optional<TrialRecord>> Trial::current() const {
    auto r = read();
    if (r && *r && ((*r)->damaged || (*r)->boot != boot_id(paths_)))
        return std::optional<TrialRecord>();
    return r;
}

Result<std::optional<TrialRecord>> Trial::left() const {
    auto r = read();
    if (r && *r && !(*r)->damaged && (*r)->boot == boot_id(paths_))
        return std::optional<TrialRecord>();
    return r;
}

Result<void> Trial::begin(const std::string& operation, const std::string& xen,
                          const std::vector<OnTrial>& payloads, Nanoseconds now) const {
    const std::string boot = boot_id(paths_);
    if (boot.empty())
        return fail(
            environment("host.boot-id",
                        "The kernel's boot id cannot be read, so a crash in the trial period "
                        "would go unnoticed.",
                        "Mount proc on /proc.", {paths_.boot_id(), {}, {}, 0}));
    auto there = read();
    if (!there)
        return fail(there);
    if (*there && ((*there)->damaged || (*there)->boot != boot))
        return fail(
            environment("host.crash-record",
                        "The record of an earlier crash is still there and could not be saved.",
                        "Make sure that there is free space for it, then run `xlp sync'.",
                        {paths_.trial(), {}, {}, 0}));
    TrialRecord r = *there ? std::move(**there) : TrialRecord{};
    r.boot = boot;
    r.xen = xen;
    r.operation = operation;
    r.when = utc_now();
    r.since = now;
    for (const OnTrial& p : payloads) {
        std::erase_if(r.payloads, [&](const OnTrial& o) { return o.name == p.name; });
        r.payloads.push_back(p);
    }
    return write(r);
}

Result<void> Trial::keep_applied(const Snapshot& host) const {
    auto r = current();
    if (!r)
        return fail(r);
    if (!*r)
        return {};
    const auto gone = [&](const OnTrial& p) {
        const Snapshot::Entry* e = host.find(p.name);
        return !e || !e->applied
               || (!e->sha256.empty() && !p.sha256.empty() && e->sha256 != p.sha256);
    };
    bool changed = std::erase_if((*r)->payloads, gone) != 0;
    for (OnTrial& p : (*r)->payloads) {
        changed = changed || !p.confirmed;
        p.confirmed = true;
    }
    if (!changed)
        return {};
    return (*r)->payloads.empty() ? forget() : write(**r);
}

Result<void> Trial::settle() const {
    auto r = current();
    if (!r)
        return fail(r);
    if (!*r)
        return {};
    auto noted = note_settled(paths_, **r);
    auto ended = forget(); // in any case: else a shutdown would look like a crash
    return ended ? noted : ended;
}

Result<void> Trial::forget() const {
    return remove_file(paths_.trial());
}

} // namespace xlp::host
