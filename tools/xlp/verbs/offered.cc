// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/verbs/offered.h"

#include "tools/xlp/disk/records.h"
#include "tools/xlp/hypervisor/errors.h"
#include "tools/xlp/hypervisor/names.h"
#include "tools/xlp/plan/preflight.h"

#include <fmt/format.h>

namespace xlp::host {
namespace {

// What could not be uploaded anyway. The order among the others is decided later.
void leave_out_unfit(Offer& offer, const Situation& host, Findings& findings) {
    std::erase_if(offer.good, [&](const Bundle& b) {
        Findings against = preflight(b, b.about.name, host);
        const bool unfit = has_errors(against);
        if (unfit)
            offer.rejected.push_back(printable(b.file.filename().string()));
        append(findings, std::move(against));
        return unfit;
    });
}

Finding held_back(const Bundle& b, const Hold& h) {
    const Where at{b.file, {}, {}, 0};
    if (!h.after_crash())
        return warning("store.held", "It is held back by /etc/xlp/hold.d.", {}, at);
    return refusal("sync.held",
                   fmt::format("The host went down without a shutdown during the trial period of "
                               "{} ({}), so it is held back, with everything that depends on it.",
                               h.name.empty() ? "it" : printable(h.name), printable(h.when)),
                   "Find out why: a power cut, or a crash? To apply it again: `xlp sync "
                   "--after-crash'.",
                   at);
}

void leave_out_held(Offer& offer, const Holds& holds, Findings& findings) {
    std::erase_if(offer.good, [&](const Bundle& b) {
        const Hold* h = holds.find(b.blob->sha256, b.about.build_id);
        if (!h)
            return false;
        offer.left_out.push_back(b.about.build_id);
        findings.push_back(held_back(b, *h));
        return true;
    });
}

void leave_out_revoked(Offer& offer, const manifest::Index& index, Findings& findings) {
    std::erase_if(offer.good, [&](const Bundle& b) {
        if (!index.revokes(b.blob->sha256))
            return false;
        offer.left_out.push_back(b.about.build_id);
        findings.push_back(warning("store.revoked", "Its publisher revoked it.",
                                   "Remove it from the store.", {b.file, {}, {}, 0}));
        return true;
    });
}

} // namespace

Result<Findings> check_withheld(const Paths& paths, const Store& store, const Trust& trust,
                                const Identity& xen, const Blob& blob, const Where& at) {
    Findings against;
    auto holds = Holds::read(paths, xen.build_id);
    if (!holds)
        return fail(holds);
    const IndexFile file = read_index(store.folder(xen.build_id), xen.build_id, trust, paths);
    if (file.index && file.index->revokes(blob.sha256))
        against.push_back(refusal("preflight.revoked", "Its publisher revoked this payload.",
                                  "Use the payload that the index names instead.", at));
    if (const Hold* h = holds->find(blob.sha256, blob.build_id))
        against.push_back(
            h->after_crash()
                ? refusal("preflight.held",
                          fmt::format("The host went down without a shutdown during its trial "
                                      "period ({}), so it is held back.",
                                      printable(h->when)),
                          "Find out why. To apply it again: `xlp sync --after-crash'.", at)
                : refusal("preflight.held", "It is held back by /etc/xlp/hold.d.",
                          "Remove it from there if it may be applied.", at));
    return against;
}

Result<Stack> what_is_loaded(const Paths& paths, const Store& store, Session& s) {
    auto listed = s.xen->list();
    if (!listed)
        return fail(explain_list(listed.error()));
    auto records = Records::read(paths);
    if (!records)
        return fail(records);
    Findings ignored;
    const Offer known = store.offer(s.identity.build_id, {Policy::off, {}}, ignored);
    return arrange(*listed, *records, known.good, s.identity);
}

void name_what_is_applied(Plan& plan, const Stack& stack) {
    const auto name = [&](const std::string& payload) {
        for (const auto* list : {&stack.applied, &stack.idle})
            for (const Installed& i : *list)
                if (i.payload.name == payload)
                    plan.ids[payload] = {i.sha256, i.about.build_id};
    };
    for (const Step& s : plan.steps)
        if (s.kind == Step::Kind::apply || s.kind == Step::Kind::replace)
            name(s.name);
}

Result<Offered> what_is_offered(const Paths& paths, const Store& store, const Trust& trust,
                                const Identity& xen, Findings& findings) {
    auto holds = Holds::read(paths, xen.build_id);
    if (!holds)
        return fail(holds);
    Offered o{store.offer(xen.build_id, trust, findings),
              read_index(store.folder(xen.build_id), xen.build_id, trust, paths),
              std::move(*holds)};
    for (const Finding& f : o.index.findings) // no index is no news to a sync
        if (f.code != "index.missing")
            findings.push_back(f);
    leave_out_unfit(o.offer, {xen, {}, true, true, read_init_code(paths.xensyms())}, findings);
    leave_out_held(o.offer, o.holds, findings);
    if (o.index.index)
        leave_out_revoked(o.offer, *o.index.index, findings);
    return o;
}

} // namespace xlp::host
