// SPDX-License-Identifier: GPL-2.0-only
// Types of the original against the patched program's.
#include "payload/base/parallel.h"
#include "payload/pipeline/passes.h"
#include "payload/pipeline/strangers.h"
#include "payload/types/findings.h"

#include <algorithm>

namespace xlp::pipeline {

using diff::Included;
using diff::Role;
using diff::Unit;

namespace {

types::DataUses data_uses(const atom::Module& m) {
    types::DataUses uses;
    for (const atom::Atom& a : m.atoms()) {
        if (!a.is_function() || a.anonymous())
            continue;
        const std::string_view function = atom::cold_parent(a.name).value_or(a.name);
        for (const atom::Reference& r : a.references)
            if (!r.branch)
                uses.push_back(
                    {function, r.atom == atom::no_atom ? r.external : m.atom(r.atom).name});
    }
    return uses;
}

} // namespace

Result<void> check_types(Context& c) {
    const diff::Program& program = c.program;
    const diff::Selection& selection = c.selection;
    std::vector<types::TypeChanges> changes(program.units.size());
    auto compared =
        for_each(program.units.size(), c.options.jobs, {}, [&](std::size_t i) -> Result<void> {
            const Unit& u = program.units[i];
            if (!u.original || !u.patched || u.patched->assembly())
                return {};
            auto changed = types::compare_types(u.original->object(), u.patched->object(),
                                                data_uses(*u.original), data_uses(*u.patched));
            if (!changed)
                return fail(changed);
            changes[i] = std::move(*changed);
            return {};
        });
    if (!compared) {
        append(c.findings, std::move(compared.error()));
        return {};
    }
    types::TypeChanges all;
    for (types::TypeChanges& changed : changes)
        types::merge(all, std::move(changed));
    std::set<std::string_view> included;
    for (const Included& i : selection.items)
        if (program.atom(i.place).is_function())
            included.insert(program.atom(i.place).name);
    append(c.findings,
           types::findings(all, [&](std::string_view s) { return included.contains(s); }));

    // Callers in units that were compiled are right by construction: the compiler saw the new
    // form, and either their code is the same for both forms or they are included.
    const std::set<std::string> compiled = compiled_names(program);
    for (const types::FunctionChange& f : all.functions)
        for (const Included& i : selection.items)
            if (i.role == Role::replacement
                && std::find(f.symbols.begin(), f.symbols.end(), program.atom(i.place).name)
                       != f.symbols.end()) {
                const auto left =
                    strangers(c.image, {i.old_address, i.old_address + 1},
                              [&](const std::string& s) { return compiled.contains(s); });
                c.findings.push_back(types::finding(f, {left.begin(), left.end()}));
            }
    return {};
}

} // namespace xlp::pipeline
