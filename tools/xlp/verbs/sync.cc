// SPDX-License-Identifier: GPL-2.0-only
#include "payload/base/file.h"
#include "payload/base/json.h"
#include "tools/xlp/disk/store.h"
#include "tools/xlp/hypervisor/errors.h"
#include "tools/xlp/plan/decide.h"
#include "tools/xlp/plan/preflight.h"
#include "tools/xlp/verbs/verbs.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <sstream>

namespace xlp::host {
namespace {

namespace po = cli::po;

bool has_word(const std::string& line, const std::string& word) {
    std::istringstream in(line);
    for (std::string w; in >> w;)
        if (w == word)
            return true;
    return false;
}

// Why nothing is to be done at boot; empty when nothing speaks against it.
std::string switched_off(const Machine& machine, const Config& config, const Identity& xen) {
    if (!config.sync_at_boot)
        return "sync-at-boot is false in xlp.conf";
    auto kernel = read_text_if_there(machine.paths.kernel_command_line());
    if (kernel && *kernel && has_word(**kernel, "xlp=off"))
        return "the kernel's command line has xlp=off";
    if (has_word(xen.command_line, "xlp=off"))
        return "the hypervisor's command line has xlp=off";
    return {};
}

Result<void> refuse_after_crash(const Guard& guard) {
    auto crash = guard.crash();
    if (!crash)
        return fail(crash);
    if (!*crash)
        return {};
    return fail(refusal("sync.crash",
                        fmt::format("The host went down while `xlp {}' was putting {} into effect "
                                    "({}).",
                                    (*crash)->operation,
                                    (*crash)->payloads.empty()
                                        ? "payloads"
                                        : fmt::format("{}", fmt::join((*crash)->payloads, ", ")),
                                    (*crash)->when),
                        "Find out why; take the payload out of the store, or repeat with "
                        "--after-crash."));
}

struct Sync {
    const Machine& machine;
    const po::variables_map& vm;
    const cli::Output& out;
    Json& doc;
    Findings& findings;

    Result<void> run() {
        auto config = read_config(machine.paths.config());
        if (!config)
            return fail(config);
        auto trust = read_trust(*config, machine.paths.keys());
        if (!trust)
            return fail(trust);
        auto settings = read_settings(vm, out);
        if (!settings)
            return fail(settings);
        doc["schema"] = "xlp.sync/1";
        const Store store(store_folder(machine, *config, vm));
        if (vm.count("dry-run"))
            return rehearse(*config, *settings, store, *trust);
        auto o = open_operation(machine, *settings);
        if (!o)
            return fail(o);
        doc["xen"] = describe(o->session);
        if (off(*config, o->session.identity))
            return {};
        const Guard guard(machine.paths);
        if (!vm.count("after-crash"))
            if (auto ok = refuse_after_crash(guard); !ok)
                return ok;
        if (auto done = o->executor->repair(findings); !done)
            return done;
        const auto candidates = usable(store, *trust, o->session.identity);
        if (auto done = carry_out(*o, candidates); !done)
            return done;
        return vm.count("after-crash") ? guard.forgive() : Result<void>();
    }

    bool off(const Config& config, const Identity& xen) {
        const std::string why = vm.count("boot") ? switched_off(machine, config, xen) : "";
        if (why.empty())
            return false;
        doc["off"] = why;
        out.text("Nothing done: " + why + ".");
        return true;
    }

    // What the store has for this hypervisor, without what could not be uploaded. The order among
    // them is decided later.
    std::vector<Bundle> usable(const Store& store, const Trust& trust, const Identity& xen) {
        auto all = store.payloads(xen.build_id, trust, findings);
        std::erase_if(all, [&](const Bundle& b) {
            Findings against = preflight(b, b.about.name, {xen, {}, true, true});
            const bool unfit = has_errors(against);
            append(findings, std::move(against));
            return unfit;
        });
        return all;
    }

    Result<Decision> plan(Session& s, const std::vector<Bundle>& candidates, bool replace) {
        auto listed = s.xen->list();
        if (!listed)
            return fail(explain_list(listed.error()));
        auto records = Records::read(machine.paths);
        if (!records)
            return fail(records);
        const Stack host = arrange(*listed, *records, candidates, s.identity);
        auto d = decide(host, candidates, s.identity, {vm.count("prune") > 0, replace});
        if (d)
            tell(*d);
        return d;
    }

    void tell(const Decision& d) {
        doc["target"] = Json::array();
        for (const Bundle* b : d.target)
            doc["target"].push_back(b->about.name);
        doc["plan"] = Json::array();
        for (const Step& step : d.plan.steps)
            doc["plan"].push_back({{"step", to_string(step.kind)}, {"name", step.name}});
    }

    Result<void> rehearse(const Config& config, const Settings& settings, const Store& store,
                          const Trust& trust) {
        auto s = open_session(machine, settings);
        if (!s)
            return fail(s);
        doc["xen"] = describe(*s);
        if (off(config, s->identity))
            return {};
        const auto candidates = usable(store, trust, s->identity);
        auto d = plan(*s, candidates, true);
        if (!d)
            return fail(d);
        append(findings, d->findings);
        for (const Step& step : d->plan.steps)
            out.text("would " + host::describe(step));
        if (d->plan.steps.empty())
            out.text(summary(*d));
        return {};
    }

    std::string summary(const Decision& d) const {
        if (d.target.empty())
            return "The store has nothing for this hypervisor.";
        return fmt::format("In effect as the store says: {}.",
                           doc["target"].size() == 1 ? d.target[0]->about.name
                                                     : fmt::format("{} payloads", d.target.size()));
    }

    Result<void> carry_out(Operation& o, const std::vector<Bundle>& candidates) {
        auto d = plan(o.session, candidates, true);
        if (!d)
            return fail(d);
        auto done = o.executor->run(d->plan, findings);
        if (!done && std::any_of(done.error().begin(), done.error().end(), [](const Finding& f) {
                return f.code == "host.veto";
            })) {
            findings.push_back(warning("sync.no-replace",
                                       "A payload's hooks forbid to exchange the stack in one "
                                       "step, so it is reverted first."));
            d = plan(o.session, candidates, false);
            if (!d)
                return fail(d);
            done = o.executor->run(d->plan, findings);
        }
        append(findings, d->findings);
        if (!done)
            return done;
        for (const Step& step : d->plan.steps)
            out.text(host::describe(step));
        out.text(summary(*d));
        return {};
    }
};

} // namespace

cli::Verb sync_verb(const Machine& machine) {
    cli::Verb v{"sync",
                "",
                "bring the running hypervisor to what the store says",
                po::options_description("Sync"),
                {},
                "  xlp sync --dry-run\n",
                {}};
    v.options.add_options()("dry-run", "only print what would be done")(
        "prune", "take out of effect what the store does not have")(
        "after-crash", "go on although the host crashed while applying, and forget that it did")(
        "boot", "as the system's service does: heed xlp=off and sync-at-boot");
    add_store_option(v.options);
    add_action_options(v.options);
    v.run = [&machine](const po::variables_map& vm, const cli::Output& out, Json& doc,
                       Findings& findings) {
        return Sync{machine, vm, out, doc, findings}.run();
    };
    return v;
}

} // namespace xlp::host
