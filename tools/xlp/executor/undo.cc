// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/executor/undo.h"

#include "tools/xlp/hypervisor/errors.h"

namespace xlp::host {

using Kind = Step::Kind;

Result<Snapshot> Undo::look() {
    auto all = hands_.look();
    if (!all)
        return all;
    return all->within(journal_.before, journal_.after);
}

Result<void> Undo::step(Kind kind, const std::string& name) {
    Findings book_keeping; // must not stop an undoing
    return hands_.perform({kind, name}, book_keeping);
}

bool Undo::removed_by_others(const Snapshot& now, const Snapshot::Entry& e) const {
    return !now.find(e.name) && !journal_.removes.count(e.name);
}

Snapshot Undo::wanted(const Snapshot& now) const {
    Snapshot s;
    for (const Snapshot::Entry& e : journal_.before.entries)
        if (!removed_by_others(now, e))
            s.entries.push_back(e);
    return s;
}

// The order in which payloads were applied is known to the hypervisor alone, and it allows only the
// right one: so whatever can be reverted is, until nothing more can.
Result<void> Undo::revert_extra() {
    for (;;) {
        auto now = look();
        if (!now)
            return fail(now);
        Findings refused;
        bool progress = false, extra = false;
        for (auto e = now->entries.rbegin(); e != now->entries.rend() && !progress; ++e) {
            const Snapshot::Entry* b = journal_.before.find(e->name);
            if (!e->applied || (b && b->applied && b->same_payload(*e)))
                continue;
            extra = true;
            auto done = step(Kind::revert, e->name);
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

Result<void> Undo::upload_missing(const Snapshot::Entry& e) {
    auto blob = hands_.records().blob(e.sha256);
    if (!blob)
        return fail(
            environment("host.vanished",
                        "The payload has disappeared, and its contents are no longer available.",
                        "Load it again from its file.", {{}, e.name, {}, 0}));
    Findings book_keeping;
    return hands_.perform({Kind::upload, e.name, blob}, book_keeping);
}

Result<void> Undo::bring_back(const Snapshot::Entry& e) {
    auto done = step(Kind::apply, e.name);
    if (done)
        return {};
    if (done.error().front().code != "host.reapply" || !hands_.records().blob(e.sha256))
        return fail(done);
    // it has data of its own: only a fresh copy can be applied
    if (journal_.removes.insert(e.name).second)
        (void)write_journal(paths_, journal_); // where that fails, going on is still the best
    if (auto gone = step(Kind::unload, e.name); !gone)
        return gone;
    if (auto up = upload_missing(e); !up)
        return up;
    return step(Kind::apply, e.name);
}

// As above: what each payload stacks on leaves but one order.
Result<void> Undo::apply_missing() {
    for (;;) {
        auto now = look();
        if (!now)
            return fail(now);
        Findings refused;
        bool progress = false, missing = false;
        for (const Snapshot::Entry& b : journal_.before.entries) {
            const Snapshot::Entry* e = now->find(b.name);
            if (progress || !b.applied || (e && e->applied) || removed_by_others(*now, b))
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

Result<void> Undo::unload_all_but(const Snapshot& wanted) {
    auto now = look();
    if (!now)
        return fail(now);
    for (const Snapshot::Entry& e : now->entries) {
        const Snapshot::Entry* w = wanted.find(e.name);
        if (e.applied || (w && w->same_payload(e)))
            continue;
        if (auto done = step(Kind::unload, e.name); !done)
            return done;
    }
    return {};
}

Result<void> Undo::restore() {
    if (auto done = revert_extra(); !done)
        return done;
    // before anything comes back: a build-id can be there only once
    if (auto done = unload_all_but(journal_.before); !done)
        return done;
    if (auto done = apply_missing(); !done)
        return done;
    auto now = look();
    if (!now)
        return fail(now);
    for (const Snapshot::Entry& b : journal_.before.entries)
        if (!now->find(b.name) && !removed_by_others(*now, b))
            if (auto done = upload_missing(b); !done)
                return done;
    now = look();
    if (!now)
        return fail(now);
    if (!now->same_as(wanted(*now)))
        return fail(environment(
            "host.interfered", "The payloads on this host changed while they were being restored.",
            "Make sure that no other tool is patching this host, and run xlp again."));
    return {};
}

} // namespace xlp::host
