// SPDX-License-Identifier: GPL-2.0-only
#include "payload/diff/hooks.h"

#include <fmt/format.h>
#include <set>
#include <vector>

namespace xlp::diff {

using atom::Atom;
using atom::no_atom;
using atom::Reference;

namespace {

bool others_stand_still(std::string_view array) {
    return array == ".livepatch.hooks.load" || array == ".livepatch.hooks.unload"
           || array == ".livepatch.hooks.apply" || array == ".livepatch.hooks.revert";
}

bool waits_for_others(std::string_view function) {
    static const std::set<std::string_view> names = {
        "on_selected_cpus",        "smp_call_function", "stop_machine_run",
        "flush_area_mask",         "domain_pause",      "vcpu_pause",
        "vcpu_sleep_sync",         "rcu_barrier",       "do_softirq",
        "process_pending_softirqs"};
    return names.contains(function);
}

// Everything of the patched units that a place leads to by calls, and what of it waits.
class Reach {
public:
    Reach(const Program& program, const Selection& selection)
        : program_(program), selection_(selection) {}

    // "NAME (called by FUNCTION)" of each.
    std::set<std::string> waiting_calls(Place hook) {
        std::set<std::string> found;
        std::set<Place> seen{hook};
        std::vector<Place> pending{hook};
        while (!pending.empty()) {
            const Place p = pending.back();
            pending.pop_back();
            const Atom& a = program_.atom(p);
            for (const Reference& r : a.references) {
                const std::optional<Place> target =
                    r.atom != no_atom ? Place{p.unit, r.atom} : program_.global(r.external);
                const std::string_view name = target ? program_.atom(*target).name : r.external;
                if (waits_for_others(name))
                    found.insert(fmt::format("{} (called by {})", name, a.label()));
                else if (target && selection_.contains(*target) && seen.insert(*target).second)
                    pending.push_back(*target);
            }
        }
        return found;
    }

private:
    const Program& program_;
    const Selection& selection_;
};

} // namespace

Findings check_hooks(const Program& program, const Selection& selection) {
    Findings findings;
    for (const HookArray& h : selection.hooks) {
        const Unit& u = program.units[h.unit];
        const Atom& array = u.patched->arrays()[h.index];
        if (!others_stand_still(array.name))
            continue;
        for (const Reference& r : array.references) {
            const std::optional<Place> hook =
                r.atom != no_atom ? Place{h.unit, r.atom} : program.global(r.external);
            if (!hook)
                continue;
            for (const std::string& call : Reach(program, selection).waiting_calls(*hook))
                findings.push_back(refusal(
                    "hooks.waits",
                    fmt::format("This hook of {} leads to {}, which waits for other CPUs. They are "
                                "stopped with interrupts off while the hook runs: the host hangs.",
                                array.name, call),
                    "Do this in a post-apply or post-revert hook, which runs after the CPUs have "
                    "resumed (xen-patches/examples/cpu-bring-up).",
                    {u.name, program.atom(*hook).label(), u.source, 0}));
        }
    }
    return findings;
}

} // namespace xlp::diff
