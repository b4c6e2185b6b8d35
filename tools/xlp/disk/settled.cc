// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/disk/settled.h"

#include "tools/xlp/disk/reserve.h"
#include "tools/xlp/disk/state.h"
#include "tools/xlp/hypervisor/names.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace xlp::host {
namespace {

constexpr std::size_t most_entries = 1000; // several years of advisories

} // namespace

Result<Settled> Settled::read(const Paths& paths) {
    Settled s;
    s.paths_ = paths;
    auto json = read_json_if_there(paths.settled());
    if (!json && json.error().front().code == "file.damaged")
        return s;
    if (!json)
        return fail(json);
    if (*json && (*json)->contains("settled") && (**json)["settled"].is_array())
        for (const Json& e : (**json)["settled"])
            s.entries_.push_back({text_of(e, "xen"), text_of(e, "id"),
                                  decode_name(text_of(e, "name")), text_of(e, "down")});
    return s;
}

Result<void> Settled::write() const {
    Json list = Json::array();
    for (const Entry& e : entries_)
        list.push_back(
            {{"xen", e.xen}, {"id", e.id}, {"name", encode_name(e.name)}, {"down", e.down}});
    return put_record(paths_, paths_.settled(), {{"schema", "xlp.settled/1"}, {"settled", list}});
}

std::vector<std::string> Settled::down_once(const std::string& xen) const {
    std::vector<std::string> names;
    for (const Entry& e : entries_)
        if (e.xen == xen && !e.down.empty())
            names.push_back(e.name);
    return names;
}

Settled::Entry* Settled::find(const std::string& xen, const OnTrial& p) {
    auto it = std::find_if(entries_.begin(), entries_.end(),
                           [&](const Entry& e) { return e.xen == xen && e.id == id_of(p); });
    return it == entries_.end() ? nullptr : &*it;
}

void Settled::add(const TrialRecord& r) {
    if (r.payloads.empty())
        return;
    for (Entry& e : entries_) // in a row means without a completed trial in between
        if (e.xen == r.xen)
            e.down.clear();
    for (const OnTrial& p : r.payloads) {
        std::erase_if(entries_, [&](const Entry& e) { return e.xen == r.xen && e.id == id_of(p); });
        entries_.push_back({r.xen, id_of(p), p.name, {}});
    }
    if (entries_.size() > most_entries)
        entries_.erase(entries_.begin(), entries_.end() - most_entries);
}

std::vector<OnTrial> Settled::went_down(const TrialRecord& r) {
    std::vector<OnTrial> held;
    for (const OnTrial& p : r.payloads)
        if (!find(r.xen, p))
            held.push_back(p);
    if (!held.empty())
        return held;
    for (const OnTrial& p : r.payloads) {
        Entry* e = find(r.xen, p);
        if (e->down.empty() || e->down == r.boot) {
            e->down = r.boot;
            continue;
        }
        held.push_back(p);
        entries_.erase(entries_.begin() + (e - entries_.data()));
    }
    return held;
}

} // namespace xlp::host
