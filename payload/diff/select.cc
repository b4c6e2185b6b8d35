// SPDX-License-Identifier: GPL-2.0-only
// Reachability from roots, as a linker collects garbage: roots are the changed functions (and hooks
// that the patch brings); what their references are carried by is marked and walked in turn. What
// changed and cannot be reached this way - data, boot code, assembly - becomes a finding.
#include "payload/diff/select.h"

#include "payload/diff/hooks.h"
#include "payload/diff/obstacles.h"
#include "payload/diff/predecessors.h"
#include "payload/diff/users.h"
#include "payload/match/trampoline.h"
#include "payload/xen/padding.h"

#include <algorithm>
#include <deque>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace xlp::diff {

using atom::Atom;
using atom::no_atom;
using atom::Reference;
using xen::SectionClass;

namespace {

Where where_of(const Unit& u, const Atom& a) {
    return {u.name, a.label(), u.source, 0};
}

class Selector {
public:
    Selector(const Program& program, const Binder& binder) : program_(program), binder_(binder) {}

    Selection run() {
        for (std::size_t u = 0; u < program_.units.size(); ++u)
            if (program_.units[u].patched)
                find_roots(u);
        walk();
        return std::move(s_);
    }

private:
    void find_roots(std::size_t unit);
    void replace(Place, std::string reason, std::ptrdiff_t because);
    void replace_merged(std::size_t unit, const Atom& original, Place target);
    std::uint64_t room_at(const Binding& old, std::uint64_t size) const;
    void replace_callers(Place, const Binding& old, std::uint64_t room, std::string reason,
                         std::ptrdiff_t because);
    std::size_t include(Place, Role, std::string reason, std::ptrdiff_t because);
    void walk();
    void follow(std::size_t item, const Reference&);
    void carry(std::size_t item, Place target, bool branch);
    void check_new_data(const Unit&, const Atom&);
    bool starts_anew(const Unit&, const Atom&);
    void check_boot_reference(std::size_t item, const Binding&);

    const Program& program_;
    const Binder& binder_;
    Selection s_;
    std::deque<std::size_t> pending_; // items whose references are still to be followed
};

std::size_t Selector::include(Place p, Role role, std::string reason, std::ptrdiff_t because) {
    auto [it, fresh] = s_.index.try_emplace(p, s_.items.size());
    if (fresh) {
        Included i;
        i.place = p;
        i.role = role;
        i.reason = std::move(reason);
        i.because = because;
        s_.items.push_back(std::move(i));
        pending_.push_back(it->second);
    }
    return it->second;
}

// Bytes that may be overwritten at a function of the hypervisor; `size` if that tells none.
std::uint64_t Selector::room_at(const Binding& old, std::uint64_t size) const {
    for (const xen::ImageSymbol* symbol : binder_.image().find(old.name))
        if (symbol->size)
            return room_of(binder_.image(), *symbol);
    return size;
}

void Selector::replace(Place p, std::string reason, std::ptrdiff_t because) {
    if (s_.contains(p))
        return;
    const Unit& u = program_.units[p.unit];
    const Atom& a = program_.atom(p);
    const Atom* twin = program_.twin(p);
    const Binding old = binder_.in_image(*twin);
    if (old.kind != Binding::Kind::image) {
        s_.findings.push_back(refusal(
            "select.not-in-image", fmt::format("This function must be replaced, but {}.", old.why),
            "Check that source, configuration and symbol file belong to the same build.",
            where_of(u, a)));
        return;
    }
    const std::uint64_t room = room_at(old, twin->size);
    if (room < room_needed(binder_.image(), old.address))
        return replace_callers(p, old, room, std::move(reason), because);
    Included& item = s_.items[include(p, Role::replacement, std::move(reason), because)];
    item.old_name = old.name;
    item.old_address = old.address;
    item.old_size = room;
}

// A function of the original that is a further name of this one now: its symbol must lead there,
// too.
void Selector::replace_merged(std::size_t unit, const Atom& original, Place target) {
    const Unit& u = program_.units[unit];
    const Atom& a = program_.atom(target);
    const Binding old = binder_.in_image(original);
    if (old.kind != Binding::Kind::image || old.gone_after_boot)
        return; // it was not linked
    const std::uint64_t room = room_at(old, original.size);
    if (room < room_needed(binder_.image(), old.address)) {
        s_.findings.push_back(
            refusal("select.too-short",
                    fmt::format("The patch makes it an alias of `{}', but it has only {} bytes and "
                                "a jump there takes {}.",
                                a.label(), room, room_needed(binder_.image(), old.address)),
                    "Keep it a separate function, or reboot.", where_of(u, original)));
        return;
    }
    if (program_.twin(target))
        replace(target, fmt::format("{} is an alias of it now", original.label()), -1);
    const auto it = s_.index.find(target);
    if (it == s_.index.end() || s_.items[it->second].role != Role::replacement) {
        s_.findings.push_back(refusal(
            "select.alias",
            fmt::format("The patch makes it an alias of `{}', but it cannot be redirected there.",
                        a.label()),
            "Keep it a separate function.", where_of(u, original)));
        return;
    }
    s_.items[it->second].also.push_back({old.name, old.address, room});
    s_.findings.push_back(
        warning("select.alias",
                fmt::format("The patch makes it an alias of `{}', but it keeps its own address: "
                            "code that compares the two addresses still sees two functions.",
                            a.label()),
                {}, where_of(u, original)));
}

// A function without room for a jump: those that call it are replaced, and call the new one. Calls
// from units that were not compiled are looked for in the hypervisor's code (pipeline/callers.cc).
void Selector::replace_callers(Place p, const Binding& old, std::uint64_t room, std::string reason,
                               std::ptrdiff_t because) {
    const Unit& u = program_.units[p.unit];
    const Users users = users_of(program_, p);
    if (!users.holders.empty()) {
        s_.findings.push_back(refusal(
            "select.too-short",
            fmt::format(
                "The function has room for {} bytes, and a jump to its replacement takes {}. "
                "Replacing its callers instead is not enough, because its address is stored in {}.",
                room, room_needed(binder_.image(), old.address), fmt::join(users.holders, ", ")),
            "Change the code that is called through that address, or reboot.",
            where_of(u, program_.atom(p))));
        return;
    }
    const std::size_t i =
        include(p, Role::addition, std::move(reason) + ", too short for a jump", because);
    s_.items[i].old_name = old.name;
    s_.items[i].old_address = old.address;
    for (Place caller : users.callers)
        if (program_.twin(caller) && program_.atom(caller).section_class == SectionClass::text)
            replace(caller, fmt::format("calls {}, which is too short for a jump", old.name),
                    static_cast<std::ptrdiff_t>(i));
}

void Selector::find_roots(std::size_t unit) {
    const Unit& u = program_.units[unit];
    for (const Atom& a : u.patched->atoms()) {
        if (!a.is_function() || a.anonymous() || u.patched->assembly())
            continue;
        if (u.state(a.id) == State::line_only)
            s_.line_only.push_back(a.xen_name());
        if (u.state(a.id) != State::changed || a.section_class != SectionClass::text
            || atom::cold_parent(a.name))
            continue;
        replace({unit, a.id}, u.differences.at(a.id).why, -1);
    }
    for (auto [original, patched] : u.twins.merged)
        if (!u.patched->assembly() && u.patched->atom(patched).section_class == SectionClass::text)
            replace_merged(unit, u.original->atom(original), {unit, patched});
    for (const auto& [original, patched] : u.aliased)
        if (!u.patched->assembly())
            replace_merged(original.unit,
                           program_.units[original.unit].original->atom(original.atom),
                           {unit, patched});
    for (std::size_t i = 0; i < u.patched->arrays().size(); ++i) {
        const Atom& array = u.patched->arrays()[i];
        if (array.section_class != SectionClass::hooks)
            continue;
        s_.hooks.push_back({unit, i});
        for (const Reference& r : array.references) {
            Binding b = binder_.bind(unit, r);
            if (b.kind == Binding::Kind::carried)
                include(b.place, Role::addition, fmt::format("hook in {}", array.name), -1);
        }
    }
}

void Selector::walk() {
    while (!pending_.empty()) {
        const std::size_t item = pending_.front();
        pending_.pop_front();
        const Atom& a = program_.atom(s_.items[item].place);
        for (const Reference& r : a.references)
            follow(item, r);
        for (const atom::Entry& e : a.entries)
            for (std::size_t r = 1; r < e.references.size(); ++r)
                follow(item, e.references[r]);
    }
}

void Selector::follow(std::size_t item, const Reference& r) {
    const Place from = s_.items[item].place;
    const Binding b = binder_.bind(from.unit, r);
    switch (b.kind) {
    case Binding::Kind::carried:
        return carry(item, b.place, r.branch);
    case Binding::Kind::image:
        if (b.gone_after_boot)
            check_boot_reference(item, b);
        return;
    case Binding::Kind::unresolved:
        s_.findings.push_back(refusal(
            "bind.unresolved",
            fmt::format(
                "It refers to something that cannot be resolved in the running hypervisor: {}.",
                b.why),
            "Check that source, configuration and symbol file belong to the same build; a new "
            "function must be in a file that the patch touches.",
            where_of(program_.units[from.unit], program_.atom(from))));
        return;
    }
}

// A reference to boot code or data that the old function had as well is in code that no longer runs
// after boot; a new one is a fault.
void Selector::check_boot_reference(std::size_t item, const Binding& b) {
    const Place from = s_.items[item].place;
    const Unit& u = program_.units[from.unit];
    if (const auto origin = program_.origin(from)) {
        const atom::Module& home = *program_.units[origin->unit].original;
        for (const Reference& r : home.atom(origin->atom).references) {
            const std::string name =
                r.atom == no_atom ? std::string(r.external) : home.atom(r.atom).xen_name();
            if (name == b.name)
                return;
        }
    }
    s_.findings.push_back(
        refusal("select.init-reference",
                fmt::format("It refers to `{}', which is freed after boot.", b.name),
                "Change the patch so that it does not use __init code or data.",
                where_of(u, program_.atom(from))));
}

void Selector::carry(std::size_t item, Place target, bool branch) {
    const Unit& u = program_.units[target.unit];
    const Atom& a = program_.atom(target);
    const std::string by = program_.atom(s_.items[item].place).label();
    const auto because = static_cast<std::ptrdiff_t>(item);
    switch (a.section_class) {
    case SectionClass::text:
        if (atom::cold_parent(a.name)) {
            include(target, Role::companion, fmt::format("cold part of {}", by), because);
        } else if (program_.state(target) == State::changed) {
            replace(target, u.differences.at(target.atom).why, because);
        } else {
            include(target, Role::addition,
                    fmt::format("new, {} by {}", branch ? "called" : "used", by), because);
        }
        return;
    case SectionClass::fragment:
    case SectionClass::replacement:
        include(target, Role::companion, fmt::format("piece of {}", by), because);
        return;
    case SectionClass::constant:
    case SectionClass::string:
    case SectionClass::literal:
        include(target, Role::constant, fmt::format("read by {}", by), because);
        return;
    case SectionClass::data:
        if (!s_.contains(target))
            check_new_data(u, a);
        include(target, Role::new_data, fmt::format("used by {}", by), because);
        return;
    case SectionClass::per_cpu:
        s_.findings.push_back(refusal(
            "data.per-cpu-new",
            fmt::format("The patch adds the per-CPU variable `{}' (used by {}): the hypervisor's "
                        "per-CPU area was laid out at link time and has no room for it.",
                        a.label(), by),
            "Use an array indexed by CPU, or state kept elsewhere (xen-patches/examples).",
            where_of(u, a)));
        return;
    default:
        s_.findings.push_back(refusal(
            "select.init-reference",
            fmt::format("{} now refers to `{}', which is in {}.", by, a.label(),
                        u.patched->object().sections()[a.section].name),
            "Change the patch so that it does not use boot-time code or data.", where_of(u, a)));
        return;
    }
}

// A new variable that may stand for one of the hypervisor.
bool Selector::starts_anew(const Unit& u, const Atom& a) {
    const std::vector<std::string> old = predecessors(program_, u, a);
    if (old.empty())
        return false;
    s_.findings.push_back(warning(
        "data.anew",
        fmt::format("The payload adds the variable `{}', which starts with its initial value, "
                    "although the hypervisor already has {}: the value there is not used.",
                    a.label(), fmt::join(old, ", ")),
        "If it is the same variable, bind it to the hypervisor's.", where_of(u, a)));
    return true;
}

void Selector::check_new_data(const Unit& u, const Atom& a) {
    if (a.anonymous())
        s_.findings.push_back(
            refusal("data.nameless",
                    "Unnamed writable data cannot be distinguished from the running hypervisor's.",
                    "Give the data a name in the patch.", where_of(u, a)));
    else if (u.states[a.id] == State::added && !starts_anew(u, a))
        s_.findings.push_back(
            note("data.new",
                 fmt::format("The payload adds the variable `{}'. Its value is lost when the "
                             "payload is unloaded, and Xen does not re-apply a reverted payload "
                             "that has writable data: unload it and upload it again instead.",
                             a.label()),
                 {}, where_of(u, a)));
}

} // namespace

std::uint64_t room_needed(const xen::Image& image, xen::Address function) {
    return match::jump_offset(image, function) + match::jump_size;
}

std::uint64_t room_of(const xen::Image& image, const xen::ImageSymbol& function) {
    const std::uint64_t needed = room_needed(image, function.address);
    if (function.size >= needed)
        return function.size;
    return std::min(needed, xen::padded_size(image, function));
}

Selection select(const Program& program, const Binder& binder) {
    Selection s = Selector(program, binder).run();
    append(s.findings, obstacles(program, s));
    append(s.findings, check_hooks(program, s));
    return s;
}

} // namespace xlp::diff
