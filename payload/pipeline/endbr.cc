// SPDX-License-Identifier: GPL-2.0-only
// Where the hypervisor is built for indirect branch tracking, whatever is called through a pointer
// begins with ENDBR64.
#include "payload/pipeline/passes.h"
#include "payload/xen/abi.h"

#include <set>

namespace xlp::pipeline {

Result<void> check_endbr(Context& c) {
    if (!c.image.has_ibt())
        return {};
    std::set<diff::Place> taken;
    auto look = [&](std::size_t unit, const std::vector<atom::Reference>& references) {
        for (const atom::Reference& r : references) {
            if (r.branch || r.label || r.delta != 0)
                continue;
            const diff::Binding b = c.binder->bind(unit, r);
            if (b.kind == diff::Binding::Kind::carried)
                taken.insert(b.place);
        }
    };
    for (const diff::Included& i : c.selection.items)
        look(i.place.unit, c.program.atom(i.place).references);
    for (const diff::HookArray& h : c.selection.hooks)
        look(h.unit, c.program.units[h.unit].patched->arrays()[h.index].references);
    for (diff::Place p : taken) {
        const atom::Atom& a = c.program.atom(p);
        if (!a.is_function() || a.anonymous() || xen::abi::begins_with_endbr64(a.bytes))
            continue;
        const diff::Unit& u = c.program.units[p.unit];
        c.findings.push_back(
            refusal("select.no-endbr",
                    "Its address is taken, but it does not begin with ENDBR64: a call through that "
                    "address faults on CPUs with indirect branch tracking.",
                    "Mark it cf_check, as Xen does.", {u.name, a.label(), u.source, 0}));
    }
    return {};
}

} // namespace xlp::pipeline
