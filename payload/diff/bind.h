// SPDX-License-Identifier: GPL-2.0-only
// Resolves a reference in the payload's code: to something in the payload, or to one symbol of the
// running hypervisor.
#pragma once

#include "payload/diff/program.h"
#include "payload/xen/image.h"

#include <set>

namespace xlp::diff {

struct Binding {
    enum class Kind {
        carried,   // `place` goes into the payload
        image,     // `name` in the hypervisor's symbol table
        unresolved // `why` says why not
    };
    Kind kind = Kind::unresolved;
    Place place{};
    std::int64_t delta = 0; // from there to the place meant
    std::string name;       // as Xen looks it up
    xen::Address address = 0;
    std::string why;
    bool gone_after_boot = false; // lies in .init
};

class Binder {
public:
    Binder(const Program& program, const xen::Image& image) : program_(program), image_(image) {}

    // What a reference from code or data of `unit`'s patched object is tied to. A changed function
    // is called directly in the payload, but its address, where it is taken, stays that of the old
    // function, which leads to the new one: comparisons and stored pointers stay valid, also after
    // the payload is gone.
    Binding bind(std::size_t unit, const atom::Reference&) const;

    // Constants of originals that the hypervisor has otherwise, as a payload that is applied
    // carries contents of its own: they are carried again.
    void carry(std::set<Place> constants) { own_constants_ = std::move(constants); }

    // The symbol of the running hypervisor, or of a payload that is applied, that an atom of the
    // original object became.
    Binding in_image(const atom::Atom& original) const;
    Binding in_image(std::string name) const;

    const Program& program() const { return program_; }
    const xen::Image& image() const { return image_; }

private:
    Binding bind_atom(Place, bool direct) const;
    Binding bind_edge(std::size_t unit, const atom::Reference&, bool direct) const;

    const Program& program_;
    const xen::Image& image_;
    std::set<Place> own_constants_;
};

} // namespace xlp::diff
