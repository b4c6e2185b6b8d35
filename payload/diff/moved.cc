// SPDX-License-Identifier: GPL-2.0-only
// What one unit lost and another got under the same name: who calls a function by its address, or
// from units that the patch leaves alone, still runs the old one; and variables keep their state.
#include "payload/diff/program.h"

#include <fmt/format.h>

namespace xlp::diff {

using atom::Atom;
using atom::no_atom;
using xen::SectionClass;

namespace {

bool is_data(const Atom& a) {
    return a.section_class == SectionClass::constant || a.section_class == SectionClass::data
           || a.section_class == SectionClass::per_cpu;
}

// Statics that the compiler numbers move with their function only.
bool may_move_alone(const Atom& a) {
    return (a.section_class == SectionClass::text && a.is_function() && !atom::cold_parent(a.name))
           || (a.global && is_data(a));
}

// By name, what units lost; nothing where several lost it.
using Lost = std::map<std::string_view, std::optional<Place>>;

const Place* find(const Lost& lost, std::string_view name, std::size_t not_from) {
    const auto it = lost.find(name);
    return it != lost.end() && it->second && it->second->unit != not_from ? &*it->second : nullptr;
}

class Move {
public:
    Move(const Unit& home, Unit& now, std::size_t from)
        : home_(home), now_(now), from_(from), twins_(correlate(*home.original, *now.patched)),
          comparison_(*home.original, *now.patched, twins_) {}

    void make(atom::AtomId original, atom::AtomId patched) {
        now_.moved[patched] = {from_, original};
        const Atom& o = home_.original->atom(original);
        const Atom& p = now_.patched->atom(patched);
        take_along(p);
        auto d = comparison_.difference(o, p);
        now_.states[patched] = d ? State::changed : State::same;
        if (!d)
            return;
        d->why += fmt::format(", and it moved here from {}",
                              home_.source.empty() ? home_.name : home_.source);
        now_.differences[patched] = std::move(*d);
    }

private:
    // The static variables and tables of a function.
    void take_along(const Atom& function) {
        for (const atom::Reference& r : function.references) {
            if (r.atom == no_atom || now_.states[r.atom] != State::added
                || now_.moved.contains(r.atom))
                continue;
            const Atom& p = now_.patched->atom(r.atom);
            const atom::AtomId original = twins_.original_of[p.id];
            if (p.anonymous() || !is_data(p) || original == no_atom)
                continue;
            make(original, p.id);
        }
    }

    const Unit& home_;
    Unit& now_;
    std::size_t from_;
    Correlation twins_;
    Comparison comparison_;
};

} // namespace

void Program::find_moved() {
    Lost lost;
    for (std::size_t i = 0; i < units.size(); ++i)
        if (units[i].original)
            for (const Atom& o : units[i].original->atoms())
                if (may_move_alone(o) && vanished(i, o))
                    for (std::string_view name : o.names())
                        if (auto [it, fresh] = lost.try_emplace(name, Place{i, o.id}); !fresh)
                            it->second.reset();
    for (std::size_t i = 0; i < units.size(); ++i) {
        Unit& u = units[i];
        if (!u.patched)
            continue;
        for (const Atom& p : u.patched->atoms()) {
            if (p.anonymous() || !may_move_alone(p))
                continue;
            bool known = u.states[p.id] != State::added;
            for (std::string_view name : p.names()) {
                const Place* from = atom::stem(name) == name ? find(lost, name, i) : nullptr;
                if (!from)
                    continue;
                if (!known)
                    Move(units[from->unit], u, from->unit).make(from->atom, p.id);
                else if (p.is_function() && *from != origin({i, p.id}))
                    u.aliased.emplace_back(*from, p.id);
                known = true;
            }
        }
    }
}

} // namespace xlp::diff
