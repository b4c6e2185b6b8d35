// SPDX-License-Identifier: GPL-2.0-only
#include "payload/base/file.h"
#include "payload/base/json.h"
#include "tools/xlp/disk/holds.h"
#include "tools/xlp/disk/index_file.h"
#include "tools/xlp/disk/last_sync.h"
#include "tools/xlp/disk/reserve.h"
#include "tools/xlp/disk/store.h"
#include "tools/xlp/hypervisor/errors.h"
#include "tools/xlp/hypervisor/names.h"
#include "tools/xlp/plan/choose.h"
#include "tools/xlp/plan/decide.h"
#include "tools/xlp/plan/preflight.h"
#include "tools/xlp/verbs/hold_trail.h"
#include "tools/xlp/verbs/offered.h"
#include "tools/xlp/verbs/verbs.h"

#include <algorithm>
#include <fmt/format.h>
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
        return "the kernel command line has xlp=off";
    if (has_word(xen.command_line, "xlp=off"))
        return "the hypervisor command line has xlp=off";
    return {};
}

// Whether other payloads are worth a try after this failure: it was about the payload, not about
// the host, and the host is as it was.
bool may_go_on(const Findings& why) {
    static constexpr std::string_view of_payload[] = {"host.rendezvous", "host.busy",
                                                      "host.unfinished"};
    return std::all_of(why.begin(), why.end(), [](const Finding& f) {
        const bool refused =
            f.failure == Failure::refused && f.code != "trust.mode" && f.code != "host.no-bytes";
        return f.severity != Severity::error || refused
               || std::find(std::begin(of_payload), std::end(of_payload), f.code)
                      != std::end(of_payload);
    });
}

bool is_veto(const Findings& why) {
    return std::any_of(why.begin(), why.end(),
                       [](const Finding& f) { return f.code == "host.veto"; });
}

// The stage's payloads do not go into this hypervisor: on with what is left.
bool reject(Offer& offer, const Plan& stage) {
    bool any = false;
    for (const Step& s : stage.steps) {
        if (s.kind != Step::Kind::upload)
            continue;
        const auto is_it = [&](const Bundle& b) { return b.blob->sha256 == s.blob->sha256; };
        any = std::erase_if(offer.good, is_it) > 0 || any;
        offer.rejected.push_back(printable(s.name));
    }
    return any;
}

struct Sync {
    const Machine& machine;
    const po::variables_map& vm;
    const cli::Output& out;
    Json& doc;
    Findings& findings;
    Wishes wishes = {};

    Result<void> run() {
        wishes = {vm.count("prune") > 0, vm.count("downgrade") > 0, true};
        auto done = attempt();
        if (vm.count("dry-run"))
            return done;
        Findings all = findings;
        if (!done)
            append(all, done.error());
        if (failure_of(all) == Failure::usage) // it was not meant
            return done;
        as_warnings(findings,
                    note_sync(machine.paths, static_cast<int>(failure_of(all)), reason_of(all)));
        return done;
    }

    // The first error; without one, why nothing was to be done.
    std::string reason_of(const Findings& all) const {
        for (const Finding& f : all)
            if (f.severity == Severity::error)
                return printable(f.code + ": " + f.why);
        return doc.contains("off") ? doc["off"].get<std::string>() : "";
    }

    Result<void> attempt() {
        auto prelude = read_prelude(machine, vm, out);
        if (!prelude)
            return fail(prelude);
        doc["schema"] = "xlp.sync/1";
        const Store store(store_folder(machine, prelude->config, vm));
        if (vm.count("dry-run"))
            return rehearse(*prelude, store);
        auto o = open_operation(machine, prelude->settings);
        if (!o)
            return fail(o);
        append(findings, o->notes);
        doc["xen"] = describe(o->session);
        const Identity& xen = o->session.identity;
        if (off(prelude->config, xen))
            return {};
        if (auto lifted = lift(xen); !lifted)
            return lifted;
        auto done = synchronise(*o, *prelude, store);
        for (Finding& f : keep_reserve(machine.paths))
            add_once(findings, std::move(f));
        return done;
    }

    Result<void> synchronise(Operation& o, const Prelude& prelude, const Store& store) {
        if (auto done = o.executor->repair(findings); !done)
            return done;
        auto offered =
            what_is_offered(machine.paths, store, prelude.trust, o.session.identity, findings);
        if (!offered)
            return fail(offered);
        as_warnings(findings, tell_words(machine.trail, machine.paths, offered->holds, store,
                                         o.session.identity.build_id));
        if (offered->index.index)
            if (auto noted = remember_serial(machine.paths, *offered->index.index); !noted)
                append(findings, noted.error());
        auto done = carry_out(o, offered->offer);
        doc["cost"] = cost_of(o.session);
        return done;
    }

    Result<void> lift(const Identity& xen) {
        if (!vm.count("after-crash"))
            return {};
        auto lifted = lift_holds(machine.paths, xen.build_id);
        if (!lifted)
            return fail(lifted);
        if (machine.trail)
            machine.trail({"sync --after-crash: holds lifted",
                           {{"XLP_OPERATION", "sync --after-crash"},
                            {"XLP_STEP", "lift"},
                            {"XLP_XEN_BUILD_ID", xen.build_id},
                            {"XLP_RESULT", "done"}}});
        tell_released(machine.trail, *lifted, xen.build_id);
        return {};
    }

    bool off(const Config& config, const Identity& xen) {
        const std::string why = vm.count("boot") ? switched_off(machine, config, xen) : "";
        if (why.empty())
            return false;
        doc["off"] = why;
        out.text("Nothing done: " + why + ".");
        return true;
    }

    Result<Stack> stack_of(Session& s, const Offer& offer) const {
        auto listed = s.xen->list();
        if (!listed)
            return fail(explain_list(listed.error()));
        auto records = Records::read(machine.paths);
        if (!records)
            return fail(records);
        return arrange(*listed, *records, offer.good, s.identity);
    }

    void tell(const Choice& choice, const Decision& d) {
        doc["target"] = Json::array();
        for (const Bundle* b : choice.chain)
            doc["target"].push_back(printable(b->about.name));
        doc["plan"] = Json::array();
        for (const Plan& stage : d.stages)
            for (const Step& step : stage.steps)
                doc["plan"].push_back(
                    {{"step", to_string(step.kind)}, {"name", printable(step.name)}});
    }

    Result<void> rehearse(const Prelude& prelude, const Store& store) {
        auto s = open_session(machine, prelude.settings);
        if (!s)
            return fail(s);
        doc["xen"] = describe(*s);
        if (off(prelude.config, s->identity))
            return {};
        auto offered = what_is_offered(machine.paths, store, prelude.trust, s->identity, findings);
        if (!offered)
            return fail(offered);
        auto host = stack_of(*s, offered->offer);
        if (!host)
            return fail(host);
        const Choice choice = choose(offered->offer, s->identity.build_id);
        const Decision d = decide(*host, choice, offered->offer, wishes);
        tell(choice, d);
        append(findings, choice.findings);
        append(findings, d.findings);
        for (const Plan& stage : d.stages)
            for (const Step& step : stage.steps)
                out.text("would " + printable(host::describe(step)));
        if (d.stages.empty() && !has_errors(d.findings))
            out.text(summary(choice));
        return {};
    }

    std::string summary(const Choice& choice) const {
        if (choice.chain.empty())
            return "The store has nothing for this hypervisor.";
        return fmt::format("Applied, as in the store: {}.",
                           choice.chain.size() == 1
                               ? printable(choice.chain[0]->about.name)
                               : fmt::format("{} payloads", choice.chain.size()));
    }

    // As much as can be had: what the hypervisor refuses is left out, and the rest planned anew.
    // Nothing is taken out of effect after that, since the store is not whole any more.
    Result<void> carry_out(Operation& o, Offer& offer) {
        bool told = false;
        for (;;) {
            auto host = stack_of(o.session, offer);
            if (!host)
                return fail(host);
            const Choice choice = choose(offer, o.session.identity.build_id);
            const Decision d = decide(*host, choice, offer, wishes);
            if (!told) {
                tell(choice, d);
                append(findings, choice.findings);
                append(findings, d.findings);
            }
            const Plan* failed = nullptr;
            if (auto done = run_stages(o, d, failed); !done)
                return done;
            if (!failed) {
                if (!told && !has_errors(d.findings))
                    out.text(summary(choice));
                return {};
            }
            if (is_veto(failure_)) {
                wishes.replace = false;
                findings.push_back(warning("sync.no-replace",
                                           "A payload's hooks prevent replacing the stack in "
                                           "one step, so it is reverted first."));
                continue;
            }
            told = true; // the reasons; what follows is what can be had without it
            append(findings, failure_);
            if (!reject(offer, *failed))
                return {};
        }
    }

    // Stops at the stage that fails; an error where nothing more is to be tried.
    Result<void> run_stages(Operation& o, const Decision& d, const Plan*& failed) {
        for (const Plan& stage : d.stages) {
            auto done = o.executor->run(stage, findings);
            if (done) {
                for (const Step& step : stage.steps)
                    out.text(printable(host::describe(step)));
                continue;
            }
            if (!may_go_on(done.error()))
                return done;
            failure_ = std::move(done.error());
            failed = &stage;
            return {};
        }
        return {};
    }

    Findings failure_ = {};
};

} // namespace

cli::Verb sync_verb(const Machine& machine) {
    cli::Verb v{"sync",
                "",
                "make the running hypervisor match the store",
                po::options_description("Sync"),
                {},
                "  xlp sync --dry-run\n",
                {}};
    v.options.add_options()("dry-run", "only print the plan")(
        "prune", "also revert what the store does not have")(
        "downgrade", "go back to a payload that an applied one supersedes")(
        "after-crash", "apply what was held back after a crash")(
        "boot", "as the boot service does: honour xlp=off and sync-at-boot");
    add_store_option(v.options);
    add_action_options(v.options);
    v.run = [&machine](const po::variables_map& vm, const cli::Output& out, Json& doc,
                       Findings& findings) {
        return Sync{machine, vm, out, doc, findings}.run();
    };
    return v;
}

} // namespace xlp::host
