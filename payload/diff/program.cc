// SPDX-License-Identifier: GPL-2.0-only
#include "payload/diff/program.h"

#include <algorithm>
#include <fmt/format.h>

namespace xlp::diff {

using atom::Atom;
using atom::Module;
using atom::no_atom;
using xen::SectionClass;

namespace {

// Where the patched object alone does not tell an end from a start: the function in the original,
// where it refers to that end and to no place that may be read in two ways, tells.
void settle_ends(Unit& u) {
    if (!u.original)
        return;
    for (const Atom& p : u.patched->atoms()) {
        const Atom* o = u.twin(p.id);
        if (!o || !p.is_function())
            continue;
        for (std::size_t i = 0; i < p.references.size(); ++i) {
            const atom::Reference& r = p.references[i];
            if (r.ends == no_atom || r.means_end)
                continue;
            const atom::AtomId table = u.twins.original_of[r.ends];
            bool end = false, open = false;
            for (const atom::Reference& old : o->references) {
                open |= old.ends != no_atom && !old.means_end;
                end |=
                    (old.means_end
                         ? old.ends == table
                         : old.atom == table && table != no_atom
                               && old.delta
                                      == static_cast<std::int64_t>(u.original->atom(table).size));
            }
            if (end && !open)
                u.patched->mean_end(p.id, i);
        }
    }
}

void compare_unit(Unit& u, const std::vector<Bound>& bound) {
    const Module& patched = *u.patched;
    u.states.assign(patched.atoms().size(), State::same);
    u.differences.clear();
    static const Module nothing;
    const Module& original = u.original ? *u.original : nothing;
    u.twins = correlate(original, patched, bound);
    u.moved.clear();
    u.aliased.clear();
    settle_ends(u);
    Comparison comparison(original, patched, u.twins);
    for (const Atom& p : patched.atoms()) {
        if (p.anonymous())
            continue;
        const Atom* o = u.twin(p.id);
        if (!o) {
            u.states[p.id] = State::added;
        } else if (auto d = comparison.difference(*o, p)) {
            u.states[p.id] = State::changed;
            u.differences.emplace(p.id, std::move(*d));
        }
    }
}

// Functions that equal the original once lines are kept stable.
void forgive_lines(Unit& u) {
    if (!u.stable || !u.original)
        return;
    const Correlation twins = correlate(*u.original, *u.stable);
    Comparison comparison(*u.original, *u.stable, twins);
    for (const Atom& p : u.patched->atoms()) {
        if (u.states[p.id] != State::changed || !p.is_function())
            continue;
        const Atom* o = u.twin(p.id);
        const atom::AtomId s = twins.patched_of[o->id];
        if (s != no_atom && !comparison.difference(*o, u.stable->atom(s)))
            u.states[p.id] = State::line_only;
    }
}

// A function jumps into the middle of its cold part and back: they are replaced together. The
// parent is named by the cold part's symbol.
void spread_from_cold_parts(Unit& u) {
    for (const Atom& cold : u.patched->atoms()) {
        const auto parent_name = atom::cold_parent(cold.name);
        const State s = u.states[cold.id];
        if (!parent_name || s == State::same || s == State::line_only)
            continue;
        const Atom* parent = u.patched->find(*parent_name);
        if (!parent || u.states[parent->id] == State::changed
            || u.states[parent->id] == State::added)
            continue;
        u.states[parent->id] = State::changed;
        u.differences[parent->id] = {Difference::What::bytes, 0, 0, "its cold part changed"};
    }
}

} // namespace

void Program::compare_units() {
    std::sort(units.begin(), units.end(),
              [](const Unit& a, const Unit& b) { return a.name < b.name; });
    globals_.clear();
    for (std::size_t i = 0; i < units.size(); ++i) {
        Unit& u = units[i];
        if (!u.patched)
            continue;
        compare_unit(u, bound);
        forgive_lines(u);
        spread_from_cold_parts(u);
        for (const Atom& a : u.patched->atoms()) {
            if (a.global && !a.anonymous())
                globals_.try_emplace(a.name, Place{i, a.id});
            for (std::string_view alias : a.aliases)
                globals_.try_emplace(alias, Place{i, a.id});
        }
    }
    find_moved();
    while (spread_from_labels() || spread_from_constants()) {
    }
}

std::optional<Place> Program::origin(Place p) const {
    const Unit& u = units[p.unit];
    if (auto from = u.moved.find(p.atom); from != u.moved.end())
        return from->second;
    if (u.twin(p.atom))
        return Place{p.unit, u.twins.original_of[p.atom]};
    return std::nullopt;
}

bool Program::vanished(std::size_t unit, const Atom& o) const {
    const Unit& u = units[unit];
    if (o.anonymous())
        return false;
    return !u.patched || (u.twins.patched_of[o.id] == no_atom && !u.twins.merged.contains(o.id));
}

Findings Program::check_bound() const {
    Findings findings;
    for (const Bound& b : bound) {
        const bool found = std::any_of(units.begin(), units.end(), [&](const Unit& u) {
            return u.patched && u.original
                   && std::any_of(u.patched->atoms().begin(), u.patched->atoms().end(),
                                  [&](const Atom& p) {
                                      const Atom* o = u.twin(p.id);
                                      return o && b.is_for(p.name, o->name);
                                  });
        });
        if (!found)
            findings.push_back(bad_input(
                "bind.unknown",
                fmt::format("`{}' cannot be bound to `{}': no file that the patch touches defines "
                            "the first after the patch and the second before it.",
                            b.patched, b.original),
                "Use the names that the warning shows.", {{}, b.patched, {}, 0}));
    }
    return findings;
}

// A table that holds places within a changed function: the hypervisor's own leads into the old
// code.
bool Program::spread_from_labels() {
    bool fresh = false;
    for (Unit& u : units) {
        if (!u.patched)
            continue;
        for (const Atom& table : u.patched->atoms()) {
            if (table.section_class != SectionClass::constant || table.anonymous()
                || u.states[table.id] != State::same)
                continue;
            for (const atom::Reference& r : table.references) {
                if (r.atom == no_atom || (!r.label && r.delta == 0)
                    || u.state(r.atom) != State::changed || !u.patched->atom(r.atom).is_function())
                    continue;
                u.states[table.id] = State::changed;
                u.differences[table.id] = {Difference::What::reference, r.offset, r.offset,
                                           fmt::format("it points into {}, whose code changed",
                                                       u.patched->atom(r.atom).label())};
                fresh = true;
                break;
            }
        }
    }
    return fresh;
}

bool Program::spread_from_constants() {
    bool fresh = false;
    for (std::size_t i = 0; i < units.size(); ++i) {
        if (!units[i].patched)
            continue;
        for (const Atom& a : units[i].patched->atoms())
            if (a.section_class == SectionClass::constant && !a.anonymous()
                && units[i].state(a.id) == State::changed)
                fresh |= spread_from({i, a.id});
    }
    return fresh;
}

// Marks functions and constants that refer to a changed constant; writable data that does is left
// to obstacles().
bool Program::spread_from(Place constant) {
    bool fresh = false;
    const std::string_view name = atom(constant).name;
    const bool global = atom(constant).global;
    for (std::size_t i = 0; i < units.size(); ++i) {
        Unit& u = units[i];
        if (!u.patched || (i != constant.unit && !global))
            continue;
        for (const Atom& reader : u.patched->atoms()) {
            const State s = u.state(reader.id);
            if (reader.anonymous() || !twin({i, reader.id}) || s == State::changed
                || (reader.section_class != SectionClass::text
                    && reader.section_class != SectionClass::constant))
                continue;
            const bool reads =
                std::any_of(reader.references.begin(), reader.references.end(), [&](const auto& r) {
                    return i == constant.unit ? r.atom == constant.atom
                                              : r.atom == no_atom && r.external == name;
                });
            if (!reads)
                continue;
            fresh = true;
            const Difference why{Difference::What::reference, 0, 0,
                                 fmt::format("it reads `{}', whose contents changed", name)};
            const auto parent = atom::cold_parent(reader.name);
            const Atom* whole = parent ? u.patched->find(*parent) : nullptr;
            for (const Atom* a : {&reader, whole ? whole : &reader}) {
                u.states[a->id] = State::changed;
                u.differences.try_emplace(a->id, why);
            }
        }
    }
    return fresh;
}

Findings Program::leave_out(const std::vector<std::string>& names) {
    Findings findings;
    for (const std::string& name : names) {
        bool found = false;
        for (Unit& u : units)
            for (atom::AtomId id = 0; id < u.states.size(); ++id) {
                const Atom& a = u.patched->atom(id);
                if (u.state(id) != State::changed || a.section_class != SectionClass::text
                    || !a.is_function() || (a.name != name && a.xen_name() != name))
                    continue;
                found = true;
                u.states[id] = State::same;
                findings.push_back(warning(
                    "select.left-out",
                    "The patch changes this function, but as requested it keeps its old code. Old "
                    "and new code then run side by side, and the payload counts as a partial fix.",
                    "Make sure that the fix does not depend on it, and that it works with the "
                    "patch's other changes.",
                    {u.name, a.label(), u.source, 0}));
            }
        if (!found)
            findings.push_back(
                bad_input("select.left-out",
                          fmt::format("The patch does not change any function named `{}'.", name),
                          "Use the name that the refusal shows.", {{}, name, {}, 0}));
    }
    return findings;
}

std::optional<Place> Program::global(std::string_view name) const {
    auto it = globals_.find(name);
    if (it == globals_.end())
        return std::nullopt;
    return it->second;
}

bool wants_stable_lines(const Unit& u) {
    if (!u.original || !u.patched)
        return false;
    for (const Atom& p : u.patched->atoms())
        if (u.states[p.id] == State::changed && p.is_function()) {
            // a line number changes no more than an immediate
            const Atom* o = u.twin(p.id);
            if (o && o->references.size() == p.references.size())
                return true;
        }
    return false;
}

} // namespace xlp::diff
