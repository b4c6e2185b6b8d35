// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/verbs/verbs.h"

#include "payload/base/json.h"
#include "tools/xlp/hypervisor/errors.h"
#include "tools/xlp/hypervisor/names.h"
#include "tools/xlp/verbs/offered.h"

#include <cerrno>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace xlp::host {
namespace {

namespace po = cli::po;

using cli::Output;

std::string status_text(const Status& s) {
    std::string t = to_string(s.state);
    if (s.rc == -EAGAIN)
        t += " (in progress)";
    else if (s.rc)
        t += fmt::format(" (last action: {})", errno_name(-s.rc));
    return t;
}

const char* summary_of(Action a) {
    switch (a) {
    case Action::apply:
        return "apply an uploaded payload";
    case Action::revert:
        return "revert the topmost payload";
    case Action::unload:
        return "unload a payload that is not applied";
    case Action::replace:
        return "apply a payload in place of all others, in one step";
    }
    return "";
}

const char* done_text(Action a) {
    switch (a) {
    case Action::apply:
        return "applied";
    case Action::revert:
        return "reverted";
    case Action::unload:
        return "unloaded";
    case Action::replace:
        return "applied in place of all others";
    }
    return "";
}

bool takes_down(Action a) {
    return a == Action::revert || a == Action::unload;
}

// Xen accepts the replacement by a payload that is applied already, and does nothing.
Result<void> check_replace(const Snapshot& host, const std::string& name) {
    const Snapshot::Entry* self = host.find(name);
    if (!self || !self->applied)
        return {};
    std::string others;
    for (const Snapshot::Entry& e : host.entries)
        if (e.applied && e.name != name)
            others += (others.empty() ? "" : ", ") + printable(e.name);
    if (others.empty())
        return {};
    return fail(refusal("host.applied-already",
                        fmt::format("It is already applied, together with {}: the hypervisor can "
                                    "only replace with a payload that is not applied.",
                                    others),
                        "Revert the others instead, from the top.", {{}, printable(name), {}, 0}));
}

Result<void> act(const Machine& machine, Action action, const po::variables_map& vm,
                 const Output& out, Json& doc, Findings& findings) {
    const std::string name = vm["name"].as<std::string>();
    if (auto ok = check_name(name); !ok)
        return ok;
    auto settings = settings_anyway(machine, vm, out, findings);
    if (!settings)
        return fail(settings);
    auto o = open_operation(machine, *settings);
    if (!o)
        return fail(o);
    append(findings, o->notes);
    doc["xen"] = describe(o->session);
    if (!takes_down(action))
        if (auto done = o->executor->repair(findings); !done)
            return done;
    auto before = o->executor->look();
    if (!before)
        return fail(before);
    if (action == Action::replace)
        if (auto ok = check_replace(*before, name); !ok)
            return ok;
    Step step{kind_of(action), name, nullptr};
    if (vm.count("nodeps"))
        step.flags = nodeps_flag;
    Plan plan{to_string(action), {step}};
    plan.takes_over = takes_down(action);
    plan.force = vm.count("force") > 0;
    const Store store(settings->store.empty() ? machine.paths.store() : settings->store);
    if (plan.applies())
        if (auto stack = what_is_loaded(machine.paths, store, o->session))
            name_what_is_applied(plan, *stack);
    const bool changes = !plan.after(*before).same_as(*before);
    if (auto done = o->executor->run(plan, findings); !done)
        return done;
    doc["name"] = printable(name);
    doc["changed"] = changes;
    doc["cost"] = cost_of(o->session);
    out.text(
        fmt::format("{}: {}{}", printable(name), changes ? "" : "already ", done_text(action)));
    return {};
}

} // namespace

std::string metadata_line(const std::string& metadata) {
    std::string s = metadata.substr(0, metadata.find_last_not_of('\0') + 1);
    for (char& c : s)
        if (c == '\0')
            c = ';';
    return printable(s);
}

Json to_json(const Payload& p) {
    Json j = {
        {"name", printable(p.name)}, {"state", to_string(p.status.state)}, {"rc", p.status.rc}};
    if (p.status.rc)
        j["error"] = errno_name(-p.status.rc);
    if (!p.metadata.empty())
        j["metadata"] = metadata_line(p.metadata);
    return j;
}

cli::Verb list_verb(const Machine& machine) {
    cli::Verb v{
        "list", "", "list the payloads in the hypervisor", po::options_description("List"), {},
        {},     {}};
    add_connection_options(v.options);
    v.run = [&machine](const po::variables_map& vm, const Output& out, Json& doc,
                       Findings& findings) -> Result<void> {
        auto settings = settings_anyway(machine, vm, out, findings);
        if (!settings)
            return fail(settings);
        auto s = open_session(machine, *settings);
        if (!s)
            return fail(s);
        doc["schema"] = "xlp.list/1";
        doc["xen"] = describe(*s);
        auto payloads = s->xen->list();
        if (!payloads)
            return fail(explain_list(payloads.error()));
        doc["payloads"] = Json::array();
        if (payloads->empty())
            out.text("No payload is loaded.");
        else
            out.text(fmt::format("{:<40} {:<10} {}", "NAME", "STATE", "METADATA"));
        for (const Payload& p : *payloads) {
            doc["payloads"].push_back(to_json(p));
            std::string line = fmt::format("{:<40} {:<10} {}", printable(p.name),
                                           status_text(p.status), metadata_line(p.metadata));
            out.text(line.substr(0, line.find_last_not_of(' ') + 1));
        }
        return {};
    };
    return v;
}

cli::Verb action_verb(const Machine& machine, Action action) {
    cli::Verb v{to_string(action),
                "NAME",
                summary_of(action),
                po::options_description("Action"),
                {"name"},
                {},
                {}};
    v.options.add_options()("name", po::value<std::string>()->required());
    if (action == Action::apply)
        v.options.add_options()("nodeps",
                                "check only that it fits the hypervisor, not what it depends on");
    add_action_options(v.options);
    if (action == Action::replace)
        v.options.add_options()("force", "proceed even if a failure could not be undone");
    v.run = [&machine, action](const po::variables_map& vm, const Output& out, Json& doc,
                               Findings& findings) -> Result<void> {
        return act(machine, action, vm, out, doc, findings);
    };
    return v;
}

cli::Tool tool(const Machine& machine) {
    return {"xlp",
            "live-patch the running Xen hypervisor",
            {list_verb(machine), upload_verb(machine), action_verb(machine, Action::apply),
             action_verb(machine, Action::revert), action_verb(machine, Action::unload),
             action_verb(machine, Action::replace), load_verb(machine), install_verb(machine),
             sync_verb(machine), verify_verb(machine), status_verb(machine), settle_verb(machine),
             index_verb(machine)}};
}

} // namespace xlp::host
