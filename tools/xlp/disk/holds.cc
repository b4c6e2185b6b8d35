// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/disk/holds.h"

#include "tools/xlp/disk/reserve.h"
#include "tools/xlp/disk/settled.h"
#include "tools/xlp/disk/state.h"
#include "tools/xlp/hypervisor/names.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

namespace xlp::host {
namespace {

// A word that nothing else is held by: of a crash record that could not be understood.
constexpr const char* unknown = "everything";

Result<Json> read_held(const Paths& paths) {
    auto json = read_json_if_there(paths.held());
    if (!json && json.error().front().code == "file.damaged")
        return Json{{"held", Json::array({{{"xen", ""}, {"id", unknown}, {"when", "?"}}})}};
    if (!json)
        return fail(json);
    Json j = *json ? std::move(**json) : Json::object();
    if (!j.contains("held") || !j["held"].is_array())
        j["held"] = Json::array();
    j["schema"] = "xlp.held/1";
    return j;
}

void add(Json& held, const TrialRecord& r, const std::vector<OnTrial>& payloads) {
    if (r.damaged)
        held.push_back({{"xen", ""}, {"id", unknown}, {"name", ""}, {"when", r.when}});
    for (const OnTrial& p : payloads)
        held.push_back(
            {{"xen", r.xen}, {"id", id_of(p)}, {"name", encode_name(p.name)}, {"when", r.when}});
}

bool of_xen(const Json& hold, const std::string& xen) {
    const std::string its = text_of(hold, "xen");
    return its.empty() || its == xen;
}

} // namespace

Result<Holds> Holds::read(const Paths& paths, const std::string& xen) {
    Holds h;
    auto words = read_text_if_there(paths.holds() / (xen.empty() ? "none" : xen), 1u << 20);
    if (!words)
        return fail(words);
    std::istringstream lines(words->value_or(""));
    for (std::string line; std::getline(lines, line);) {
        std::istringstream in(line.substr(0, line.find('#')));
        for (std::string id; in >> id;)
            h.holds_.push_back({id, {}, {}});
    }
    auto held = read_held(paths);
    if (!held)
        return fail(held);
    auto left = Trial(paths).left(); // where it could not be turned into holds yet
    if (!left)
        return fail(left);
    if (*left) {
        auto settled = Settled::read(paths);
        if (!settled)
            return fail(settled);
        add((*held)["held"], **left, settled->went_down(**left));
    }
    for (const Json& e : (*held)["held"])
        if (of_xen(e, xen)) {
            h.holds_.push_back(
                {text_of(e, "id"), decode_name(text_of(e, "name")), text_of(e, "when")});
            h.everything_ = h.everything_ || h.holds_.back().everything();
        }
    return h;
}

bool Hold::everything() const {
    return id == unknown;
}

const Hold* Holds::find(const std::string& sha256, const std::string& build_id) const {
    for (const Hold& h : holds_)
        if (h.everything() || (!h.id.empty() && (h.id == sha256 || h.id == build_id)))
            return &h;
    return nullptr;
}

bool Holds::after_crash() const {
    return std::any_of(holds_.begin(), holds_.end(), [](const Hold& h) { return h.after_crash(); });
}

Result<std::optional<AfterCrash>> hold_after_crash(const Paths& paths) {
    const Trial trial(paths);
    auto left = trial.left();
    if (!left)
        return fail(left);
    if (!*left)
        return std::optional<AfterCrash>();
    auto settled = Settled::read(paths);
    auto held = read_held(paths);
    if (!settled || !held)
        return fail(!settled ? settled.error() : held.error());
    const std::vector<OnTrial> to_hold = settled->went_down(**left);
    // In this order a power cut in between loses nothing: the record is read again.
    if (auto done = settled->write(); !done)
        return fail(done);
    if (!to_hold.empty() || (*left)->damaged) {
        add((*held)["held"], **left, to_hold);
        if (auto done = put_record(paths, paths.held(), *held); !done)
            return fail(done);
    }
    if (auto done = trial.forget(); !done)
        return fail(done);
    AfterCrash crash{(*left)->xen, (*left)->when, to_hold, {}, (*left)->damaged};
    if (to_hold.empty())
        crash.spared = std::move((*left)->payloads);
    return std::optional(std::move(crash));
}

Result<std::vector<Hold>> lift_holds(const Paths& paths, const std::string& xen) {
    auto holds = Holds::read(paths, xen);
    auto left = Trial(paths).left();
    if (!holds || !left)
        return fail(!holds ? holds.error() : left.error());
    std::vector<Hold> released = holds->all();
    std::erase_if(released, [](const Hold& h) { return !h.after_crash(); });
    if (*left)
        if (auto done = Trial(paths).forget(); !done)
            return fail(done);
    auto held = read_held(paths);
    if (!held)
        return fail(held);
    Json rest = Json::array();
    for (const Json& e : (*held)["held"])
        if (!of_xen(e, xen))
            rest.push_back(e);
    (*held)["held"] = rest;
    auto done = rest.empty() ? remove_file(paths.held()) : put_record(paths, paths.held(), *held);
    if (!done)
        return fail(done);
    return released;
}

} // namespace xlp::host
