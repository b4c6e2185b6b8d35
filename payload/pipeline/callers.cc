// SPDX-License-Identifier: GPL-2.0-only
// Code outside of the payload that still uses what the payload replaces.
#include "payload/pipeline/passes.h"
#include "payload/pipeline/strangers.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace xlp::pipeline {

using diff::Included;
using diff::Role;

namespace {

std::set<std::string> replaced_names(const diff::Selection& selection) {
    std::set<std::string> names;
    for (const Included& i : selection.items)
        if (i.role == Role::replacement) {
            names.insert(i.old_name);
            for (const diff::OldCode& old : i.also)
                names.insert(old.name);
        }
    return names;
}

} // namespace

// A function that is too short to be redirected comes with its callers; units that were not
// compiled may call it too.
Result<void> check_callers(Context& c) {
    const std::set<std::string> compiled = compiled_names(c.program);
    for (const Included& i : c.selection.items) {
        if (i.role != Role::addition || i.old_name.empty())
            continue;
        const auto left = strangers(c.image, {i.old_address, i.old_address + 1},
                                    [&](const std::string& s) { return compiled.contains(s); });
        if (!left.empty())
            c.findings.push_back(refusal(
                "select.too-short",
                fmt::format("The function is too short for a jump to its replacement, and some of "
                            "its users are in files that the patch does not touch: {}.",
                            fmt::join(left, ", ")),
                "Make the patch touch those files too, for example by adding an empty line: those "
                "functions are then replaced instead.",
                {c.program.units[i.place.unit].name, i.old_name,
                 c.program.units[i.place.unit].source, 0}));
    }
    return {};
}

Result<void> check_readers(Context& c) {
    const diff::Program& program = c.program;
    const diff::Selection& selection = c.selection;
    const std::set<std::string> replaced = replaced_names(selection);
    for (const Included& i : selection.items) {
        const atom::Atom& a = program.atom(i.place);
        const atom::Atom* twin = program.twin(i.place);
        if (i.role != Role::constant || a.anonymous() || !twin || twin->size == 0
            || program.state(i.place) != diff::State::changed)
            continue;
        const diff::Binding old = c.binder->in_image(*twin);
        if (old.kind != diff::Binding::Kind::image)
            continue;
        auto left =
            strangers(c.image, {old.address, old.address + twin->size}, [&](const std::string& s) {
                const auto cold = s.find(".cold");
                return replaced.contains(s.substr(0, cold)) || s == old.name;
            });
        if (!left.empty())
            c.findings.push_back(
                refusal("data.const-changed",
                        fmt::format("The contents of this constant changed, and code outside the "
                                    "payload also reads it: {}.",
                                    fmt::join(left, ", ")),
                        "Set the new contents in a load hook (xen-patches/examples).",
                        {program.units[i.place.unit].name, a.label(),
                         program.units[i.place.unit].source, 0}));
    }
    return {};
}

} // namespace xlp::pipeline
