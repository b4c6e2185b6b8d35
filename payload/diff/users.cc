// SPDX-License-Identifier: GPL-2.0-only
#include "payload/diff/users.h"

namespace xlp::diff {

using atom::Atom;
using atom::no_atom;
using atom::Reference;

namespace {

// The function that a piece of code belongs to: itself, or of a cold part its parent.
Place whole(const Program& program, Place p) {
    if (const auto parent = atom::cold_parent(program.atom(p).name))
        if (const Atom* a = program.units[p.unit].patched->find(*parent))
            return {p.unit, a->id};
    return p;
}

} // namespace

Users users_of(const Program& program, Place function) {
    Users users;
    for (std::size_t u = 0; u < program.units.size(); ++u) {
        if (!program.units[u].patched)
            continue;
        for (const Atom& a : program.units[u].patched->atoms()) {
            const Place user = whole(program, {u, a.id});
            if (user == function)
                continue;
            for (const Reference& r : a.references) {
                const std::optional<Place> target =
                    r.atom != no_atom ? Place{u, r.atom} : program.global(r.external);
                if (target != function)
                    continue;
                if (r.branch && a.is_function())
                    users.callers.insert(user);
                else
                    users.holders.insert(a.label());
            }
        }
    }
    return users;
}

} // namespace xlp::diff
