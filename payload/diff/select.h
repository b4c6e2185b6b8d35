// SPDX-License-Identifier: GPL-2.0-only
// What goes into the payload: changed functions, what they newly need, and nothing else; and what
// forbids a payload. Each inclusion knows why it is there.
#pragma once

#include "payload/diff/bind.h"

#include <map>
#include <string>
#include <vector>

namespace xlp::diff {

enum class Role {
    replacement, // function that takes the place of one in the hypervisor
    addition,    // new function
    companion,   // cold part or nameless fragment of an included function
    constant,    // string, literal, table: read-only contents carried along
    new_data     // variable that the patch brings
};

// A symbol of the hypervisor that is led to new code.
struct OldCode {
    std::string name;
    xen::Address address = 0;
    std::uint64_t size = 0; // bytes from the address that belong to the old function
};

struct Included {
    Place place;
    Role role{};
    std::string reason;          // half a sentence: "its code changed", "called by"
    std::ptrdiff_t because = -1; // index of the inclusion that needs it, -1 for roots
    // the symbol that it takes the place of: of a replacement, and of an addition that is too short
    // to be replaced and comes with its callers instead
    std::string old_name;
    xen::Address old_address = 0;
    std::uint64_t old_size = 0; // bytes from old_address that belong to the old function
    std::vector<OldCode> also;  // further functions that it takes the place of, now its aliases
};

// A hook section (.livepatch.hooks.load, ...) that the patch brings.
struct HookArray {
    std::size_t unit = 0;
    std::size_t index = 0; // in Module::arrays()
};

struct Selection {
    std::vector<Included> items; // replacements in order of unit and place, then what they need
    std::map<Place, std::size_t> index; // of items
    std::vector<HookArray> hooks;
    std::vector<std::string> line_only; // functions left out as they differ by line numbers only
    Findings findings;                  // refusals, warnings and notes

    bool contains(Place p) const { return index.contains(p); }
};

Selection select(const Program&, const Binder&);

// Bytes that a jump at the start of this function takes, an ENDBR64 that it goes behind included.
std::uint64_t room_needed(const xen::Image&, xen::Address function);
// What a record may declare as the old function's size: the function's own, and where that is too
// short for a jump, the padding behind it as well.
std::uint64_t room_of(const xen::Image&, const xen::ImageSymbol& function);

} // namespace xlp::diff
