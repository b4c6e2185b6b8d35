// SPDX-License-Identifier: GPL-2.0-only
// All units that a patch touches, each before and after, and what became of every atom.
#pragma once

#include "payload/diff/compare.h"

#include <map>
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

// Where something lives in a program.
struct Place {
    std::size_t unit = 0;
    atom::AtomId atom = atom::no_atom;

    auto operator<=>(const Place&) const = default;
};

// One translation unit.
struct Unit {
    std::string name;                     // "common/domain.o"
    std::string source;                   // "common/domain.c"
    std::string renamed_from;             // the original's name, if the patch renamed the unit
    std::optional<atom::Module> original; // absent if the patch brings the unit
    std::optional<atom::Module> patched;  // absent if the patch removes it
    // The patched source compiled so that lines behind each hunk keep the original's numbers: what
    // is equal to the original here differs by line numbers only. Optional.
    std::optional<atom::Module> stable;

    // filled in by compare_units()
    Correlation twins;
    std::vector<State> states; // by patched atom; nameless atoms stay `same`
    std::unordered_map<atom::AtomId, Difference> differences;
    // What came from another unit, by patched atom: where the original has it.
    std::map<atom::AtomId, Place> moved;
    // Functions of other units' originals that are aliases here, and the patched atom.
    std::vector<std::pair<Place, atom::AtomId>> aliased;

    State state(atom::AtomId patched_atom) const { return states[patched_atom]; }
    // The original's atom, or null.
    const atom::Atom* twin(atom::AtomId patched_atom) const {
        const atom::AtomId o = original ? twins.original_of[patched_atom] : atom::no_atom;
        return o == atom::no_atom ? nullptr : &original->atom(o);
    }
};

struct Program {
    std::vector<Unit> units;  // ordered by name: everything downstream keeps this order
    std::vector<Bound> bound; // what the user says of names

    // Correlates and compares every unit. A cold part counts as part of its function, and what
    // reads a changed constant counts as changed, for it must read the new one.
    void compare_units();
    // After compare_units(): these functions ("do_xenpmu_op", "arch/x86/mm.c#set_foreign") count as
    // the same, and so keep their old code, whatever the patch does to them. Findings:
    // `select.left-out`, a warning for each; an error for a name that is no changed function's.
    Findings leave_out(const std::vector<std::string>& names);
    // Where the patched sources define a global symbol.
    std::optional<Place> global(std::string_view name) const;

    // For each name of `bound` that stands for nothing, `bind.unknown`.
    Findings check_bound() const;

    const atom::Atom& atom(Place p) const { return units[p.unit].patched->atom(p.atom); }
    State state(Place p) const { return units[p.unit].state(p.atom); }
    // Where the original has it, be it in another unit; `atom` is one of the unit's original.
    std::optional<Place> origin(Place) const;
    const atom::Atom* twin(Place p) const {
        const auto o = origin(p);
        return o ? &units[o->unit].original->atom(o->atom) : nullptr;
    }
    // The original's atom has no counterpart: it was removed, inlined, renamed.
    bool vanished(std::size_t unit, const atom::Atom& original) const;

private:
    void find_moved();
    // Each marks what must change because of what changed; whether there was anything new.
    bool spread_from_labels();
    bool spread_from_constants();
    bool spread_from(Place constant);

    std::unordered_map<std::string_view, Place> globals_;
};

// True if a unit that has changed functions could differ by line numbers only, so that compiling it
// with stable lines may spare functions from the payload.
bool wants_stable_lines(const Unit&);

} // namespace xlp::diff
