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

// From one unit to another.
class Move {
public:
    Move(Program& program, std::size_t from, std::size_t to)
        : program_(program), from_(from), to_(to), twins_(correlate(home(), *now().patched)),
          comparison_(home(), *now().patched, twins_) {}
    Move(const Move&) = delete;
    Move& operator=(const Move&) = delete;

    void make(atom::AtomId original, atom::AtomId patched) {
        now().moved[patched] = {from_, original};
        const Atom& p = now().patched->atom(patched);
        if (p.is_function())
            functions_.push_back(patched);
        take_along(p);
        auto d = comparison_.difference(home().atom(original), p);
        now().states[patched] = d ? State::changed : State::same;
        if (d)
            changed(patched, std::move(*d));
    }

    // Once all moves are made: a function that means other things in its new unit than it did,
    // though they have the same names there, changed.
    void check_targets() {
        for (atom::AtomId id : functions_) {
            const Atom& f = now().patched->atom(id);
            if (now().states[id] != State::same)
                continue;
            for (const atom::Reference& r : f.references)
                if (r.atom != no_atom && !means_the_same(now().patched->atom(r.atom))) {
                    now().states[id] = State::changed;
                    changed(id, {Difference::What::reference, r.offset, r.offset,
                                 fmt::format("its `{}' is a different one",
                                             now().patched->atom(r.atom).label())});
                    break;
                }
        }
    }

private:
    const atom::Module& home() const { return *program_.units[from_].original; }
    Unit& now() { return program_.units[to_]; }

    // The static variables that a function leaves nobody, and its tables.
    void take_along(const Atom& function) {
        for (const atom::Reference& r : function.references) {
            if (r.atom == no_atom || now().states[r.atom] != State::added
                || now().moved.contains(r.atom))
                continue;
            const Atom& p = now().patched->atom(r.atom);
            const atom::AtomId original = twins_.original_of[p.id];
            if (p.anonymous() || !is_data(p) || original == no_atom)
                continue;
            if (p.section_class == SectionClass::constant
                || program_.vanished(from_, home().atom(original)))
                make(original, p.id);
        }
    }

    bool means_the_same(const Atom& target) {
        const atom::AtomId original = twins_.original_of[target.id];
        if (target.anonymous() || original == no_atom
            || program_.origin({to_, target.id}) == Place{from_, original})
            return true;
        return target.section_class == SectionClass::constant
               && !comparison_.difference(home().atom(original), target);
    }

    void changed(atom::AtomId patched, Difference d) {
        const Unit& u = program_.units[from_];
        d.why += fmt::format(", and it moved here from {}", u.source.empty() ? u.name : u.source);
        now().differences[patched] = std::move(d);
    }

    Program& program_;
    std::size_t from_, to_;
    Correlation twins_;
    Comparison comparison_;
    std::vector<atom::AtomId> functions_; // of `to'
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
    std::map<std::pair<std::size_t, std::size_t>, Move> moves; // from, to
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
                    moves.try_emplace({from->unit, i}, *this, from->unit, i)
                        .first->second.make(from->atom, p.id);
                else if (p.is_function() && *from != origin({i, p.id}))
                    u.aliased.emplace_back(*from, p.id);
                known = true;
            }
        }
    }
    for (auto& [way, move] : moves)
        move.check_targets();
}

} // namespace xlp::diff
