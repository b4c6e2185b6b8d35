// SPDX-License-Identifier: GPL-2.0-only
#include "payload/diff/bind.h"

#include <fmt/format.h>

namespace xlp::diff {

using atom::Atom;
using atom::no_atom;
using atom::Reference;
using xen::SectionClass;

namespace {

Binding carried(Place p) {
    Binding b;
    b.kind = Binding::Kind::carried;
    b.place = p;
    return b;
}

Binding unresolved(std::string why) {
    Binding b;
    b.why = std::move(why);
    return b;
}

} // namespace

Binding Binder::in_image(std::string name) const {
    auto found = image_.find(name);
    if (found.empty()) {
        found = image_.find_added(name);
        if (found.size() > 1)
            return unresolved(
                fmt::format("the payloads below have {} symbols named `{}'", found.size(), name));
        if (!found.empty())
            name = found.front()->name;
    }
    if (found.empty())
        return unresolved(fmt::format("the hypervisor has no symbol named `{}'", name));
    if (found.front()->address != found.back()->address)
        return unresolved(
            fmt::format("the hypervisor has {} symbols named `{}'", found.size(), name));
    if (name.size() > xen::max_symbol_name)
        return unresolved(
            fmt::format("the symbol name `{}' is longer than Xen's symbol lookup allows", name));
    Binding b;
    b.kind = Binding::Kind::image;
    b.address = found.front()->address;
    b.gone_after_boot = image_.in_init(b.address);
    b.name = std::move(name);
    return b;
}

Binding Binder::in_image(const Atom& original) const {
    if (original.anonymous())
        return unresolved("it has no name");
    return in_image(original.xen_name());
}

Binding Binder::bind_atom(Place p, bool direct) const {
    const Atom& a = program_.atom(p);
    if (a.anonymous() || a.section_class == SectionClass::string
        || a.section_class == SectionClass::literal)
        return carried(p);
    const Atom* twin = program_.twin(p);
    const State state = program_.state(p);
    if (!twin) {
        // defined anew here; perhaps it came from a unit that the patch does not touch
        if (a.global && state == State::added)
            if (Binding b = in_image(std::string(a.name));
                b.kind == Binding::Kind::image && !a.is_function())
                return b;
        return carried(p);
    }
    const bool changed = state == State::changed;
    if (a.is_function()) {
        if (atom::cold_parent(a.name))
            return carried(p); // reached from its parent only, which is in the payload
        if (changed && direct)
            return carried(p);
        return in_image(*twin);
    }
    if (changed || own_constants_.contains(*program_.origin(p)))
        return carried(p);
    Binding b = in_image(*twin);
    if (b.kind != Binding::Kind::image && a.section_class == SectionClass::constant)
        return carried(p); // an unchanged constant may as well be copied
    return b;
}

Binding Binder::bind(std::size_t unit, const Reference& r) const {
    // all but the plain address of a function
    const bool direct = r.branch || r.label || r.delta != 0;
    if (r.ends != no_atom)
        return bind_edge(unit, r, direct);
    Binding b;
    if (r.atom != no_atom)
        b = bind_atom({unit, r.atom}, direct);
    else if (auto p = program_.global(r.external))
        b = bind_atom(*p, direct);
    else
        b = in_image(std::string(r.external));
    b.delta = r.delta;
    return b;
}

// The start of one datum, or the end of the one before. No matter where the two stay together;
// where they do not, the code must show which is meant.
Binding Binder::bind_edge(std::size_t unit, const Reference& r, bool direct) const {
    const Atom& before = program_.units[unit].patched->atom(r.ends);
    Binding start = bind_atom({unit, r.atom}, direct);
    Binding end = bind_atom({unit, r.ends}, direct);
    end.delta = static_cast<std::int64_t>(before.size);
    const bool both = start.kind == Binding::Kind::image && end.kind == Binding::Kind::image;
    if (both && end.address + before.size == start.address)
        return start;
    if (r.means_end)
        return end;
    return unresolved(fmt::format("the end of `{}' and the start of `{}' are the same address in "
                                  "the object, but not in the hypervisor or the payload",
                                  before.label(),
                                  program_.units[unit].patched->atom(r.atom).label()));
}

} // namespace xlp::diff
