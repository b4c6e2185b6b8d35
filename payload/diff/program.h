// SPDX-License-Identifier: GPL-2.0-only
// All units that a patch touches, each before and after, and what became of every atom.
#pragma once

#include "payload/diff/compare.h"

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace xlp::diff {

enum class State {
    same,
    line_only, // differs in nothing but line numbers that the compiler put into it
    changed,
    added // has no twin in the original
};

// One translation unit.
struct Unit {
    std::string name;                     // "common/domain.o"
    std::string source;                   // "common/domain.c"
    std::optional<atom::Module> original; // absent if the patch brings the unit
    std::optional<atom::Module> patched;  // absent if the patch removes it
    // The patched source compiled so that lines behind each hunk keep the original's numbers: what
    // is equal to the original here differs by line numbers only. Optional.
    std::optional<atom::Module> stable;

    // filled in by compare_units()
    Correlation twins;
    std::vector<State> states; // by patched atom; nameless atoms stay `same`
    std::unordered_map<atom::AtomId, Difference> differences;

    State state(atom::AtomId patched_atom) const { return states[patched_atom]; }
    // The original's atom, or null.
    const atom::Atom* twin(atom::AtomId patched_atom) const {
        const atom::AtomId o = original ? twins.original_of[patched_atom] : atom::no_atom;
        return o == atom::no_atom ? nullptr : &original->atom(o);
    }
};

// Where something lives in a program.
struct Place {
    std::size_t unit = 0;
    atom::AtomId atom = atom::no_atom;

    auto operator<=>(const Place&) const = default;
};

struct Program {
    std::vector<Unit> units; // ordered by name: everything downstream keeps this order

    // Correlates and compares every unit. A cold part counts as part of its function, and what
    // reads a changed constant counts as changed, for it must read the new one.
    void compare_units();
    // After compare_units(): these functions ("do_xenpmu_op", "arch/x86/mm.c#set_foreign") count as
    // the same, and so keep their old code, whatever the patch does to them. Findings:
    // `select.left-out`, a warning for each; an error for a name that is no changed function's.
    Findings leave_out(const std::vector<std::string>& names);
    // Where the patched sources define a global symbol.
    std::optional<Place> global(std::string_view name) const;

    const atom::Atom& atom(Place p) const { return units[p.unit].patched->atom(p.atom); }
    State state(Place p) const { return units[p.unit].state(p.atom); }
    const atom::Atom* twin(Place p) const { return units[p.unit].twin(p.atom); }

private:
    void spread_from_constants();
    bool spread_from(Place constant);

    std::unordered_map<std::string_view, Place> globals_;
};

// True if a unit that has changed functions could differ by line numbers only, so that compiling it
// with stable lines may spare functions from the payload.
bool wants_stable_lines(const Unit&);

} // namespace xlp::diff
