// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/executor/executor.h"

#include "payload/base/file.h"
#include "payload/base/json.h"
#include "tools/xlp/hypervisor/errors.h"
#include "tools/xlp/hypervisor/names.h"

#include <algorithm>
#include <cerrno>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace xlp::host {
namespace {

using Json = nlohmann::ordered_json;
using Kind = Step::Kind;

// Failures of book-keeping that must not stop an operation that is under way.
void as_warnings(Findings& to, const Result<void>& r) {
    if (r)
        return;
    for (Finding f : r.error()) {
        f.severity = Severity::warning;
        to.push_back(std::move(f));
    }
}

std::vector<std::string> applied_by(const Plan& plan) {
    std::vector<std::string> names;
    for (const Step& s : plan.steps)
        if (s.kind == Kind::apply || s.kind == Kind::replace)
            names.push_back(s.name);
    return names;
}

} // namespace

Executor::Executor(Hypervisor& xen, Operator& op, const Paths& paths,
                   std::function<void(const std::string&)> say)
    : xen_(xen), op_(op), paths_(paths), guard_(paths), say_(std::move(say)) {
    if (auto records = Records::read(paths))
        records_ = std::move(*records);
}

Result<Snapshot> Executor::look() {
    for (;;) {
        auto payloads = xen_.list();
        if (!payloads)
            return fail(explain_list(payloads.error()));
        bool waited = false;
        for (const Payload& p : *payloads) {
            if (p.status.rc != -EAGAIN || stale_.count(p.name))
                continue;
            auto status = op_.settled(p.name);
            if (!status)
                return fail(status);
            if (*status && (*status)->rc == -EAGAIN)
                stale_.insert(p.name);
            waited = true;
        }
        if (waited)
            continue;
        Snapshot s = Snapshot::of(*payloads);
        records_.complete(s);
        return s;
    }
}

Result<bool> Executor::act(Action action, const std::string& name, std::uint32_t flags) {
    stale_.erase(name);
    return op_.act(action, name, flags);
}

Result<void> Executor::write(const Journal& j) const {
    const Json json = {{"schema", "xlp.journal/1"}, {"boot", boot_id(paths_)},
                       {"operation", j.operation},  {"before", to_json(j.before)},
                       {"after", to_json(j.after)}, {"committed", j.committed},
                       {"started", utc_now()}};
    return write_file(paths_.journal(), json.dump(2) + "\n");
}

Result<std::optional<Executor::Journal>> Executor::read_journal() const {
    auto json = read_json_if_there(paths_.journal());
    if (!json)
        return fail(json);
    if (!*json)
        return std::optional<Journal>();
    const Json& j = **json;
    if (j.value("boot", Json()) != boot_id(paths_)) // the hypervisor has started afresh since
        return std::optional<Journal>();
    const Json operation = j.value("operation", Json());
    return std::optional(Journal{operation.is_string() ? operation.get<std::string>() : "operation",
                                 snapshot_from(j.value("before", Json())),
                                 snapshot_from(j.value("after", Json())),
                                 j.value("committed", Json()) == true});
}

Result<Snapshot> Executor::look(const Journal& j) {
    auto all = look();
    if (!all)
        return all;
    return all->within(j.before, j.after);
}

Result<void> Executor::upload(const Step& step, Findings& findings) {
    auto there = op_.look(step.name);
    if (!there)
        return fail(there);
    if (*there)
        return fail(explain_upload(step.name, {EEXIST}));
    as_warnings(findings, records_.keep_bytes(*step.blob));
    as_warnings(findings, records_.uploading(step.name, *step.blob));
    auto done = op_.upload(step.name, step.blob->bytes, step.force);
    if (!done)
        as_warnings(findings, records_.forget(step.name));
    return done;
}

Result<void> Executor::perform(const Step& step, Findings& findings) {
    auto done = carry_out(step, findings);
    if (say_)
        say_(fmt::format("{}: {}", describe(step), done ? "done" : done.error().front().why));
    return done;
}

Result<void> Executor::carry_out(const Step& step, Findings& findings) {
    if (step.kind == Kind::upload)
        return upload(step, findings);
    auto changed = act(action_of(step.kind), step.name, step.flags);
    if (!changed)
        return fail(changed);
    if (!*changed)
        return {};
    if (step.kind == Kind::replace)
        as_warnings(findings, records_.applied_alone(step.name));
    else if (step.kind != Kind::unload)
        as_warnings(findings, records_.applied(step.name, step.kind == Kind::apply));
    return {};
}

// The order in which payloads were applied is known to the hypervisor alone, and it allows only the
// right one: so whatever can be reverted is, until nothing more can.
Result<void> Executor::revert_extra(const Journal& j) {
    for (;;) {
        auto now = look(j);
        if (!now)
            return fail(now);
        Findings refused;
        bool progress = false, extra = false;
        for (auto e = now->entries.rbegin(); e != now->entries.rend() && !progress; ++e) {
            const Snapshot::Entry* b = j.before.find(e->name);
            if (!e->applied || (b && b->applied && b->same_payload(*e)))
                continue;
            extra = true;
            auto done = act(Action::revert, e->name);
            if (done)
                progress = true;
            else
                append(refused, done.error());
        }
        if (!extra)
            return {};
        if (!progress)
            return tl::unexpected(refused);
    }
}

Result<void> Executor::upload_missing(const Snapshot::Entry& e) {
    auto blob = records_.blob(e.sha256);
    if (!blob)
        return fail(environment("host.vanished",
                                "The payload is gone, and its bytes are not known any more.",
                                "Load it again from its file.", {{}, e.name, {}, 0}));
    // what is kept in the record is only for rollback and status: this must not stop on it
    if (auto noted = records_.uploading(e.name, *blob); !noted && say_)
        say_(noted.error().front().why);
    return op_.upload(e.name, blob->bytes);
}

Result<void> Executor::bring_back(const Snapshot::Entry& e) {
    auto done = act(Action::apply, e.name);
    if (done)
        return {};
    if (done.error().front().code != "host.reapply" || !records_.blob(e.sha256))
        return fail(done);
    // it has data of its own: only a fresh copy can be applied
    if (auto gone = act(Action::unload, e.name); !gone)
        return fail(gone);
    if (auto up = upload_missing(e); !up)
        return up;
    auto again = act(Action::apply, e.name);
    return again ? Result<void>() : fail(again);
}

// As above: what each payload stacks on leaves but one order.
Result<void> Executor::apply_missing(const Journal& j) {
    for (;;) {
        auto now = look(j);
        if (!now)
            return fail(now);
        Findings refused;
        bool progress = false, missing = false;
        for (const Snapshot::Entry& b : j.before.entries) {
            const Snapshot::Entry* e = now->find(b.name);
            if (progress || !b.applied || (e && e->applied))
                continue;
            missing = true;
            auto done = e ? bring_back(b) : upload_missing(b);
            if (done)
                progress = true;
            else
                append(refused, done.error());
        }
        if (!missing)
            return {};
        if (!progress)
            return tl::unexpected(refused);
    }
}

Result<void> Executor::unload_all_but(const Snapshot& wanted, const Journal& j) {
    auto now = look(j);
    if (!now)
        return fail(now);
    for (const Snapshot::Entry& e : now->entries) {
        const Snapshot::Entry* w = wanted.find(e.name);
        if (e.applied || (w && w->same_payload(e)))
            continue;
        if (auto done = act(Action::unload, e.name); !done)
            return fail(done);
    }
    return {};
}

Result<void> Executor::restore(const Journal& j) {
    if (auto done = revert_extra(j); !done)
        return done;
    // before anything comes back: a build-id can be there only once
    if (auto done = unload_all_but(j.before, j); !done)
        return done;
    if (auto done = apply_missing(j); !done)
        return done;
    auto now = look(j);
    if (!now)
        return fail(now);
    for (const Snapshot::Entry& b : j.before.entries)
        if (!now->find(b.name))
            if (auto done = upload_missing(b); !done)
                return done;
    now = look(j);
    if (!now)
        return fail(now);
    if (!now->same_as(j.before))
        return fail(environment(
            "host.interfered", "The payloads on this host changed while they were being restored.",
            "See that no other tool is patching this host, and run xlp again."));
    return {};
}

void Executor::tidy(Findings& findings) {
    as_warnings(findings, remove_file(paths_.journal()));
    as_warnings(findings, guard_.clear());
    if (auto now = look())
        as_warnings(findings, records_.forget_all_but(*now));
}

Result<void> Executor::repair(Findings& findings) {
    auto journal = read_journal();
    if (!journal)
        return fail(journal);
    if (!*journal) { // one of an earlier boot has nothing to say any more
        as_warnings(findings, guard_.clear());
        as_warnings(findings, remove_file(paths_.journal()));
        return {};
    }
    const Journal& j = **journal;
    auto now = look(j);
    if (!now)
        return fail(now);
    if (now->same_as(j.after) || now->same_as(j.before)) {
        tidy(findings);
        return {};
    }
    if (auto done = j.committed ? unload_all_but(j.after, j) : restore(j); !done) {
        Findings why = done.error();
        why.insert(why.begin(),
                   environment("host.between",
                               fmt::format("An earlier `{}' was interrupted, and what it left "
                                           "cannot be {}.",
                                           j.operation, j.committed ? "finished" : "undone"),
                               "Bring the payloads in order with revert and unload, then remove "
                                   + paths_.journal().string() + "."));
        return tl::unexpected(why);
    }
    findings.push_back(
        warning("host.repaired", fmt::format("An earlier `{}' was interrupted; it has been {}.",
                                             j.operation, j.committed ? "finished" : "undone")));
    tidy(findings);
    return {};
}

Result<void> Executor::run(const Plan& plan, Findings& findings) {
    if (auto done = repair(findings); !done)
        return done;
    if (plan.steps.empty())
        return {};
    auto before = look();
    if (!before)
        return fail(before);
    Journal journal{plan.operation, *before, plan.after(*before), false};
    // an atomic step needs no journal, and must work where none can be written
    if (!plan.atomic())
        if (auto done = write(journal); !done)
            return done;
    if (plan.applies())
        if (auto done = guard_.set(plan.operation, applied_by(plan)); !done) {
            if (plan.guard_needed) {
                tidy(findings);
                return done;
            }
            as_warnings(findings, done);
        }

    const std::size_t commit = plan.commit_point();
    for (std::size_t i = 0; i < plan.steps.size(); ++i) {
        if (i == commit && !plan.atomic()) {
            journal.committed = true;
            as_warnings(findings, write(journal));
        }
        auto done = perform(plan.steps[i], findings);
        if (done)
            continue;
        if (plan.atomic()) {
            tidy(findings);
            return done;
        }
        if (i >= commit) { // what was asked for is in effect; the rest is for the next run
            if (auto finished = unload_all_but(journal.after, journal); finished)
                break;
            as_warnings(findings, done);
            return {};
        }
        Findings why = done.error();
        if (auto undone = restore(journal); !undone) {
            why.push_back(environment("host.between",
                                      "What was done before the failure could not be undone.",
                                      "Run xlp again: it tries to repair first."));
            append(why, undone.error());
        } else {
            tidy(findings);
        }
        return tl::unexpected(why);
    }
    auto now = look(journal);
    if (!now)
        return fail(now);
    if (!plan.atomic() && !now->same_as(journal.after)) {
        tidy(findings);
        return fail(environment("host.interfered",
                                "The payloads on this host are not those that this operation led "
                                "to.",
                                "See `xlp list', and that no other tool is patching this host."));
    }
    tidy(findings);
    return {};
}

} // namespace xlp::host
