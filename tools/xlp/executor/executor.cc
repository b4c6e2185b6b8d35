// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/executor/executor.h"

#include "payload/base/file.h"
#include "payload/base/parallel.h"
#include "tools/xlp/disk/reserve.h"
#include "tools/xlp/executor/undo.h"
#include "tools/xlp/hypervisor/names.h"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

namespace xlp::host {

using Kind = Step::Kind;

namespace {

std::vector<std::string> applied_by(const Plan& plan) {
    std::vector<std::string> names;
    for (const Step& s : plan.steps)
        if (s.kind == Kind::apply || s.kind == Kind::replace)
            names.push_back(s.name);
    return names;
}

bool uploads(const Plan& plan, const std::string& name) {
    return std::any_of(plan.steps.begin(), plan.steps.end(),
                       [&](const Step& s) { return s.kind == Kind::upload && s.name == name; });
}

} // namespace

Executor::Executor(Hypervisor& xen, Operator& op, Clock& clock, Setting setting)
    : clock_(clock), setting_(std::move(setting)),
      hands_(xen, op, setting_.paths, setting_.xen_build_id, setting_.say, setting_.trail),
      trial_(setting_.paths) {}

void Executor::tidy(Findings& findings) {
    as_warnings(findings, remove_file(setting_.paths.journal()));
    // else a payload that was refused stays on trial, to be blamed for a power cut
    auto now = look();
    for (int again = 0; !now && again < 3; ++again) // what failed may have been of the moment
        now = look();
    if (!now) {
        as_warnings(findings, fail(now));
        return;
    }
    as_warnings(findings, trial_.keep_applied(*now));
    as_warnings(findings, hands_.records().forget_all_but(*now));
}

Result<void> Executor::repair(Findings& findings) {
    auto journal = read_journal(setting_.paths);
    if (!journal)
        return fail(journal);
    if (!*journal) { // one of an earlier boot has nothing to say any more
        as_warnings(findings, remove_file(setting_.paths.journal()));
        if (auto trial = trial_.current(); trial && *trial) // perhaps of a step that was killed
            if (auto now = look())
                as_warnings(findings, trial_.keep_applied(*now));
        return {};
    }
    Journal& j = **journal;
    Undo undo(hands_, setting_.paths, j);
    auto now = undo.look();
    if (!now)
        return fail(now);
    if ((now->same_as(j.after) && !j.unchecked) || now->same_as(j.before)) {
        tidy(findings);
        return {};
    }
    hands_.belong_to("repair of " + j.operation);
    hands_.op().go_on_though_stopped();
    if (auto done = j.committed ? undo.unload_all_but(j.after) : undo.restore(); !done) {
        Findings why = done.error();
        why.insert(
            why.begin(),
            environment("host.between",
                        fmt::format("An earlier `{}' was interrupted, and it could not be {}.",
                                    j.operation, j.committed ? "finished" : "undone"),
                        "`xlp list' shows the payloads. Clean up with `xlp revert' and `xlp "
                        "unload': these work, and end the repair."));
        return tl::unexpected(why);
    }
    findings.push_back(
        warning("host.repaired", fmt::format("An earlier `{}' was interrupted; it has been {}.",
                                             j.operation, j.committed ? "finished" : "undone")));
    tidy(findings);
    return {};
}

// The step comes first: nothing that was left behind may stand in its way.
Result<void> Executor::take_over(const Plan& plan, Findings& findings) {
    hands_.belong_to(plan.operation);
    auto journal = read_journal(setting_.paths);
    for (const Step& step : plan.steps)
        if (auto done = hands_.perform(step, findings); !done) {
            // what the journal still wants to bring back is given up as well
            if (done.error().front().code != "host.absent" || !journal || !*journal
                || !(*journal)->names(step.name))
                return done;
        }
    if (!journal || *journal)
        findings.push_back(
            warning("host.let-go",
                    "The pending repair of an interrupted operation was cancelled: the state of "
                    "this host is now up to you.",
                    "`xlp list' shows the state; `xlp sync' applies what the store says."));
    tidy(findings);
    return {};
}

// What a plan takes down must be there to be put back.
Result<void> Executor::can_be_undone(const Plan& plan, const Snapshot& host, Findings& findings) {
    if (plan.atomic() || plan.force)
        return {};
    Findings missing;
    Records& records = hands_.records();
    for (const std::string& name : plan.takes_down(host)) {
        const Record* r = records.find(name);
        if (r && records.blob(r->sha256))
            continue;
        if (auto known = plan.known.find(name); known != plan.known.end()) {
            as_warnings(findings, records.adopt(name, *known->second, host.find(name)->applied));
            if (records.blob(known->second->sha256))
                continue;
        }
        missing.push_back(refusal("host.no-bytes",
                                  "It would be reverted, but its file is not available to re-apply "
                                  "it if something fails.",
                                  "Revert and unload it manually, from the top.",
                                  {{}, printable(name), {}, 0}));
    }
    return missing.empty() ? Result<void>() : tl::unexpected(missing);
}

// Xen does not look at this when it replaces, as it does when it applies.
Result<void> Executor::may_replace(const Plan& plan, const Snapshot& host) {
    const Records& records = hands_.records();
    for (const Step& s : plan.steps) {
        const Snapshot::Entry* there = host.find(s.name);
        const Record* r = records.find(s.name);
        if (s.kind != Kind::replace || uploads(plan, s.name) || !there || there->applied || !r)
            continue;
        const auto blob = records.blob(r->sha256);
        if (r->ran && (!blob || blob->writable))
            return fail(refusal("host.reapply",
                                "It was applied and reverted before, and it has writable data that "
                                "may have changed since.",
                                "Unload it, upload it again, then replace.",
                                {{}, printable(s.name), {}, 0}));
    }
    return {};
}

Result<void> Executor::begin_trial(const Plan& plan, const Snapshot& after) {
    std::vector<OnTrial> payloads;
    for (const std::string& name : applied_by(plan)) {
        OnTrial p{name, {}, {}};
        if (const Record* r = hands_.records().find(name))
            p = {name, r->sha256, r->build_id};
        if (auto known = plan.ids.find(name); known != plan.ids.end())
            p = {name, known->second.sha256, known->second.build_id};
        for (const Step& s : plan.steps)
            if (s.kind == Kind::upload && s.name == name && s.blob)
                p = {name, s.blob->sha256, s.blob->build_id};
        if (const Snapshot::Entry* e = after.find(name); e && p.sha256.empty())
            p.sha256 = e->sha256;
        payloads.push_back(std::move(p));
    }
    return trial_.begin(plan.operation, setting_.xen_build_id, payloads, clock_.now());
}

// Another tool can have put other bytes under the name since xlp uploaded some.
void Executor::forget_what_is_gone(const Plan& plan, Findings& findings) {
    for (const auto& [name, ids] : plan.ids)
        if (const Record* r = hands_.records().find(name); r && r->sha256 != ids.sha256)
            as_warnings(findings, hands_.records().forget(name));
}

Result<void> Executor::prepare(const Plan& plan, const Snapshot& host, Journal& journal,
                               Findings& findings) {
    forget_what_is_gone(plan, findings);
    if (auto ok = may_replace(plan, host); !ok)
        return ok;
    if (auto ok = can_be_undone(plan, host, findings); !ok)
        return ok;
    auto completed = host;
    hands_.records().complete(completed);
    journal = Journal::of(plan, completed);
    if (plan.applies()) {
        auto health = Health::read(setting_.paths);
        if (!health)
            return fail(health);
        health_ = std::move(*health);
        for (const Finding& f : health_.notes())
            add_once(findings, f);
        journal.unchecked = !health_.empty();
    }
    // an atomic step that is not checked needs no journal, and must work where none can be written
    if (!plan.atomic() || journal.unchecked)
        if (auto done = write_journal(setting_.paths, journal); !done)
            return done;
    if (!plan.applies())
        return {};
    const bool had_room = has_reserve(setting_.paths);
    auto done = begin_trial(plan, journal.after);
    if (had_room && !has_reserve(setting_.paths))
        add_once(findings, no_room(setting_.paths));
    if (!done && plan.guard_needed) {
        tidy(findings);
        return done;
    }
    as_warnings(findings, done);
    return {};
}

Result<void> Executor::check_health(const Plan& plan) {
    if (!plan.applies() || health_.empty())
        return {};
    return health_.run(plan.operation, applied_by(plan), setting_.health_limit, setting_.stop);
}

tl::unexpected<Findings> Executor::undo(const Plan& plan, Journal& journal, Findings why,
                                        Findings& findings) {
    hands_.belong_to("undo of " + plan.operation);
    hands_.op().go_on_though_stopped();
    auto undone = Undo(hands_, setting_.paths, journal).restore();
    for (int again = 0; !undone && again < 3; ++again) // what failed may have been of the moment
        undone = Undo(hands_, setting_.paths, journal).restore();
    if (!undone) {
        why.push_back(environment("host.between",
                                  "The steps before the failure could not be undone.",
                                  "Run xlp again: it first tries to repair. `xlp revert' and `xlp "
                                  "unload' work in any case."));
        append(why, undone.error());
    } else {
        tidy(findings);
    }
    return tl::unexpected(std::move(why));
}

void Executor::commit(Journal& journal, Findings& findings) {
    journal.committed = true;
    auto written = write_journal(setting_.paths, journal);
    if (written)
        return;
    as_warnings(findings, written);
    // without it nothing is undone that is finished; what is left to unload does no harm
    as_warnings(findings, remove_file(setting_.paths.journal()));
}

Result<void> Executor::carry_out(const Plan& plan, Journal& journal, Findings& findings) {
    const std::size_t end = plan.commit_point();
    const auto stopped = [&] { return setting_.stop.stop_requested(); };
    for (std::size_t i = 0; i < end; ++i) {
        Result<void> done;
        if (stopped())
            done = fail(interrupted());
        else
            done = hands_.perform(plan.steps[i], findings);
        if (done)
            continue;
        if (!plan.atomic())
            return undo(plan, journal, done.error(), findings);
        tidy(findings);
        return done;
    }
    if (auto healthy = check_health(plan); !healthy)
        return undo(plan, journal, healthy.error(), findings);
    if (std::exchange(journal.unchecked, false))
        as_warnings(findings, write_journal(setting_.paths, journal));
    if (!plan.atomic() && end < plan.steps.size())
        commit(journal, findings);
    for (std::size_t i = end; i < plan.steps.size(); ++i) {
        auto done = hands_.perform(plan.steps[i], findings);
        if (done)
            continue;
        if (plan.atomic()) {
            tidy(findings);
            return done;
        }
        // what was asked for is in effect; the rest is for the next run
        if (auto rest = Undo(hands_, setting_.paths, journal).unload_all_but(journal.after); !rest)
            as_warnings(findings, done);
        break;
    }
    return {};
}

Result<void> Executor::conclude(const Plan& plan, Journal& journal, Findings& findings) {
    auto now = Undo(hands_, setting_.paths, journal).look();
    if (!now)
        return fail(now);
    const bool as_planned = plan.atomic() || now->same_as(journal.after);
    const bool in_effect =
        std::all_of(journal.after.entries.begin(), journal.after.entries.end(), [&](const auto& e) {
            const Snapshot::Entry* n = now->find(e.name);
            return !e.applied || (n && n->applied);
        });
    if (!as_planned && in_effect && journal.committed)
        return {}; // an unload is left; the journal stays for it
    tidy(findings);
    if (as_planned)
        return {};
    return fail(
        environment("host.interfered",
                    "The payloads on this host are not those that this operation should have left.",
                    "See `xlp list', and make sure that no other tool is patching this host."));
}

Result<void> Executor::run(const Plan& plan, Findings& findings) {
    if (plan.takes_over)
        return take_over(plan, findings);
    if (auto done = repair(findings); !done)
        return done;
    if (plan.steps.empty())
        return {};
    if (setting_.stop.stop_requested())
        return fail(interrupted());
    auto before = look();
    if (!before)
        return fail(before);
    hands_.belong_to(plan.operation);
    Journal journal;
    if (auto ready = prepare(plan, *before, journal, findings); !ready)
        return ready;
    if (auto done = carry_out(plan, journal, findings); !done)
        return done;
    return conclude(plan, journal, findings);
}

} // namespace xlp::host
