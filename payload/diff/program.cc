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

void compare_unit(Unit& u) {
    const Module& patched = *u.patched;
    u.states.assign(patched.atoms().size(), State::same);
    u.differences.clear();
    static const Module nothing;
    const Module& original = u.original ? *u.original : nothing;
    u.twins = correlate(original, patched);
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
        compare_unit(u);
        forgive_lines(u);
        spread_from_cold_parts(u);
        for (const Atom& a : u.patched->atoms()) {
            if (a.global && !a.anonymous())
                globals_.try_emplace(a.name, Place{i, a.id});
            for (std::string_view alias : a.aliases)
                globals_.try_emplace(alias, Place{i, a.id});
        }
    }
    spread_from_constants();
}

void Program::spread_from_constants() {
    for (bool again = true; again;) {
        again = false;
        for (std::size_t i = 0; i < units.size(); ++i) {
            if (!units[i].patched)
                continue;
            for (const Atom& a : units[i].patched->atoms())
                if (a.section_class == SectionClass::constant && !a.anonymous()
                    && units[i].state(a.id) == State::changed)
                    again |= spread_from({i, a.id});
        }
    }
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
            if (reader.anonymous() || !u.twin(reader.id) || s == State::changed
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
                    "The patch changes this function, and it keeps its old code, as --leave-out "
                    "says. Old and new code run beside each other then.",
                    "Be sure that the fix does not depend on it, and that it works with what the "
                    "patch changes elsewhere.",
                    {u.name, a.label(), u.source, 0}));
            }
        if (!found)
            findings.push_back(
                bad_input("select.left-out",
                          fmt::format("There is no function `{}' that the patch changes.", name),
                          "Give the name as the refusal has it.", {{}, name, {}, 0}));
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
