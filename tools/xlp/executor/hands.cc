// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/executor/hands.h"

#include "tools/xlp/hypervisor/errors.h"
#include "tools/xlp/hypervisor/names.h"

#include <algorithm>
#include <cerrno>
#include <fmt/format.h>

namespace xlp::host {

using Kind = Step::Kind;

void as_warnings(Findings& to, const Result<void>& r) {
    if (r)
        return;
    for (Finding f : r.error()) {
        f.severity = Severity::warning;
        to.push_back(std::move(f));
    }
}

void add_once(Findings& to, Finding f) {
    const auto same = [&](const Finding& o) {
        return o.code == f.code && o.where.file == f.where.file && o.why == f.why;
    };
    if (std::none_of(to.begin(), to.end(), same))
        to.push_back(std::move(f));
}

Hands::Hands(Hypervisor& xen, Operator& op, const Paths& paths, std::string xen_build_id,
             std::function<void(const std::string&)> say, Trail trail)
    : xen_(xen), op_(op), xen_build_id_(std::move(xen_build_id)), say_(std::move(say)),
      trail_(std::move(trail)) {
    if (auto records = Records::read(paths))
        records_ = std::move(*records);
}

Result<Snapshot> Hands::look() {
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

Result<void> Hands::perform(const Step& step, Findings& findings) {
    auto done = step.kind == Kind::upload ? upload(step, findings) : act(step, findings);
    tell(step, done);
    if (done && step.kind == Kind::unload)
        as_warnings(findings, records_.forget(step.name));
    return done;
}

Result<void> Hands::upload(const Step& step, Findings& findings) {
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

// Xen calls such a hook whenever it is asked, and what undoes it only after a success: an attempt
// that ran out of time must not be repeated by itself.
bool Hands::calls_hook(const Step& step) const {
    const Record* r = records_.find(step.name);
    const auto blob = r ? records_.blob(r->sha256) : nullptr;
    return blob && (step.kind == Kind::revert ? blob->prerevert : blob->preapply);
}

Result<void> Hands::act(const Step& step, Findings& findings) {
    stale_.erase(step.name);
    const bool once = step.kind != Kind::unload && calls_hook(step);
    auto changed = op_.act(action_of(step.kind), step.name, step.flags, once);
    if (!changed && once && changed.error().front().code == "host.rendezvous")
        changed.error().front().remedy =
            "Its hook has run, and another attempt would run it again: retry when the host is less "
            "busy, with a longer --timeout-limit.";
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

void Hands::tell(const Step& step, const Result<void>& done) const {
    const std::string how = done ? "done" : done.error().front().why;
    if (say_)
        say_(fmt::format("{}: {}", describe(step), how));
    if (!trail_)
        return;
    const Record* r = records_.find(step.name);
    Record of_blob;
    if (!r && step.blob) {
        of_blob.sha256 = step.blob->sha256;
        of_blob.build_id = step.blob->build_id;
        of_blob.signer = step.blob->signer;
        r = &of_blob;
    }
    const Cost& cost = op_.cost();
    trail_({fmt::format("{}: {}: {}", operation_, describe(step), how),
            {{"XLP_OPERATION", operation_},
             {"XLP_STEP", to_string(step.kind)},
             {"XLP_PAYLOAD", step.name},
             {"XLP_SHA256", r ? r->sha256 : ""},
             {"XLP_BUILD_ID", r ? r->build_id : ""},
             {"XLP_SIGNER", r ? r->signer : ""},
             {"XLP_XEN_BUILD_ID", xen_build_id_},
             {"XLP_RESULT", done ? "done" : done.error().front().code},
             {"XLP_STALLED_MS",
              fmt::format("{}", std::chrono::duration_cast<std::chrono::milliseconds>(cost.stalled)
                                    .count())}}});
}

} // namespace xlp::host
