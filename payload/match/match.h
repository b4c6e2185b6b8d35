// SPDX-License-Identifier: GPL-2.0-only
// Is the code in the hypervisor what our compile of the original source says it is? Each function
// and variable of the original object is compared with the linked image: bytes must be equal, and
// each reference must point, in the image, to exactly what it refers to in the object. Equality is
// decided only here, on bytes; docs/matching.md has the rules and the measurements.
#pragma once

#include "payload/atom/module.h"
#include "payload/base/bytes.h"
#include "payload/xen/image.h"

#include <cstdint>
#include <string>
#include <vector>

namespace xlp::match {

using xen::Address;

// In order of weight: the later, the less alike.
enum class State : std::uint8_t {
    unchecked,         // nothing to compare: nameless and reached from nowhere that matches
    matched,           // equal, and at `address`
    string_differs,    // equal but for the text of strings (dates, paths): no reason to refuse
    line_differs,      // equal but for immediates that are line numbers
    missing,           // the image has no symbol of that name
    size_differs,      // another size in the image
    bytes_differ,      // other bytes
    reference_differs, // equal bytes, but a reference leads elsewhere
};

// "matched", "bytes differ": for messages.
std::string_view text(State);

// The code or contents are the same.
inline bool same(State s) {
    return s == State::matched || s == State::string_differs;
}

// One place where image and object differ.
struct Difference {
    std::uint32_t offset = 0; // in the atom
    std::string expected;     // what the object has there, for people
    std::string actual;       // what the image has
};

struct AtomMatch {
    State state = State::unchecked;
    Address address = 0;               // in the image; 0: not known
    std::uint64_t size = 0;            // in the image, by its symbol
    std::vector<Difference> different; // first ones of those that made `state`, at most 8
};

// The result for one object. Refers to the module, which must live longer and not be moved.
class Match {
public:
    const atom::Module& module() const { return *module_; }
    const AtomMatch& of(atom::AtomId id) const { return atoms_[id]; }
    // Nameless atoms have an address when a matching atom refers to them.
    Address address(atom::AtomId id) const { return atoms_[id].address; }
    const std::vector<AtomMatch>& atoms() const { return atoms_; }

    // Another compile of the same unit: for functions that are the same by that one, its verdict
    // counts. Either proves the source.
    void take_better(const Match& other);

private:
    friend class Matcher;
    const atom::Module* module_ = nullptr;
    std::vector<AtomMatch> atoms_; // by AtomId
};

// Compares every atom that has a name and everything that those reach. Never fails: what cannot be
// found or does not fit is a state. Time is linear in the object's size; recursion into nameless
// contents is bounded.
Match match_module(const atom::Module& original, const xen::Image&);

// The symbol's addresses in the image under which an atom may be found, by its own name, its
// aliases, and, for a local symbol of an object without file symbols, by the object's name.
std::vector<const xen::ImageSymbol*> candidates(const atom::Module&, const atom::Atom&,
                                                const xen::Image&);

// The place that the field of a reference means, read from linked bytes: what would be the
// address of the reference's target plus its delta. `base` is the address of the atom that the
// field is in, and `linked` its bytes. Nothing for a field beyond `linked`.
std::optional<Address> place_meant(const atom::Reference&, View linked, Address base);

} // namespace xlp::match
