// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/plan/plan.h"

#include "tools/xlp/hypervisor/names.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace xlp::host {

using Kind = Step::Kind;

const char* to_string(Kind k) {
    switch (k) {
    case Kind::upload:
        return "upload";
    case Kind::apply:
        return "apply";
    case Kind::revert:
        return "revert";
    case Kind::unload:
        return "unload";
    case Kind::replace:
        return "replace all with";
    }
    return "";
}

Action action_of(Kind k) {
    switch (k) {
    case Kind::revert:
        return Action::revert;
    case Kind::unload:
        return Action::unload;
    case Kind::replace:
        return Action::replace;
    case Kind::apply:
    case Kind::upload:
        break;
    }
    return Action::apply;
}

Kind kind_of(Action a) {
    switch (a) {
    case Action::unload:
        return Kind::unload;
    case Action::revert:
        return Kind::revert;
    case Action::replace:
        return Kind::replace;
    case Action::apply:
        break;
    }
    return Kind::apply;
}

std::string describe(const Step& s) {
    return std::string(to_string(s.kind)) + " " + s.name;
}

const Snapshot::Entry* Snapshot::find(const std::string& name) const {
    auto it = std::find_if(entries.begin(), entries.end(),
                           [&](const Entry& e) { return e.name == name; });
    return it == entries.end() ? nullptr : &*it;
}

Snapshot::Entry* Snapshot::find(const std::string& name) {
    return const_cast<Entry*>(static_cast<const Snapshot*>(this)->find(name));
}

bool Snapshot::same_as(const Snapshot& o) const {
    return entries.size() == o.entries.size()
           && std::all_of(entries.begin(), entries.end(), [&](const Entry& e) {
                  const Entry* other = o.find(e.name);
                  return other && other->same_payload(e) && other->applied == e.applied;
              });
}

Snapshot Snapshot::within(const Snapshot& a, const Snapshot& b) const {
    Snapshot s;
    for (const Entry& e : entries)
        if (a.find(e.name) || b.find(e.name))
            s.entries.push_back(e);
    return s;
}

Snapshot Snapshot::within(const std::set<std::string>& names) const {
    Snapshot s;
    for (const Entry& e : entries)
        if (names.count(e.name))
            s.entries.push_back(e);
    return s;
}

Snapshot Snapshot::of(const std::vector<Payload>& payloads) {
    Snapshot s;
    for (const Payload& p : payloads)
        s.entries.push_back({p.name, p.status.state == State::applied, {}});
    return s;
}

std::size_t Plan::commit_point() const {
    std::size_t i = steps.size();
    while (i > 0 && steps[i - 1].kind == Kind::unload)
        --i;
    return i;
}

Snapshot Plan::after(Snapshot s) const {
    for (const Step& step : steps) {
        Snapshot::Entry* e = s.find(step.name);
        switch (step.kind) {
        case Kind::upload:
            if (!e)
                s.entries.push_back({step.name, false, step.blob ? step.blob->sha256 : ""});
            break;
        case Kind::replace:
            for (auto& other : s.entries)
                other.applied = false;
            [[fallthrough]];
        case Kind::apply:
            if (e)
                e->applied = true;
            break;
        case Kind::revert:
            if (e)
                e->applied = false;
            break;
        case Kind::unload:
            std::erase_if(s.entries, [&](const Snapshot::Entry& x) { return x.name == step.name; });
            break;
        }
    }
    return s;
}

bool Plan::atomic() const {
    return steps.size() == 1 && steps[0].kind != Kind::replace;
}

bool Plan::applies() const {
    return std::any_of(steps.begin(), steps.end(), [](const Step& s) {
        return s.kind == Kind::apply || s.kind == Kind::replace;
    });
}

std::set<std::string> Plan::touches(const Snapshot& host) const {
    std::set<std::string> names;
    for (const Step& s : steps) {
        names.insert(s.name);
        if (s.kind == Kind::replace)
            for (const Snapshot::Entry& e : host.entries)
                if (e.applied)
                    names.insert(e.name);
    }
    return names;
}

std::set<std::string> Plan::takes_down(const Snapshot& host) const {
    std::set<std::string> names;
    for (std::size_t i = 0; i < commit_point(); ++i) {
        const Step& s = steps[i];
        const Snapshot::Entry* there = host.find(s.name);
        if (there && (s.kind == Kind::revert || s.kind == Kind::unload))
            names.insert(s.name);
        if (s.kind == Kind::replace)
            for (const Snapshot::Entry& e : host.entries)
                if (e.applied && e.name != s.name)
                    names.insert(e.name);
    }
    return names;
}

nlohmann::ordered_json to_json(const Snapshot& s) {
    auto a = nlohmann::ordered_json::array();
    for (const Snapshot::Entry& e : s.entries)
        a.push_back({{"name", encode_name(e.name)}, {"applied", e.applied}, {"sha256", e.sha256}});
    return a;
}

Snapshot snapshot_from(const nlohmann::ordered_json& j) {
    Snapshot s;
    if (!j.is_array())
        return s;
    for (const auto& e : j) {
        if (!e.is_object() || !e.contains("name") || !e["name"].is_string())
            continue;
        Snapshot::Entry entry{decode_name(e["name"]), false, {}};
        if (e.contains("applied") && e["applied"].is_boolean())
            entry.applied = e["applied"];
        if (e.contains("sha256") && e["sha256"].is_string())
            entry.sha256 = e["sha256"];
        s.entries.push_back(std::move(entry));
    }
    return s;
}

} // namespace xlp::host
