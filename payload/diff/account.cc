// SPDX-License-Identifier: GPL-2.0-only
#include "payload/diff/account.h"

#include <fmt/format.h>
#include <optional>
#include <set>

namespace xlp::diff {

using atom::Atom;
using xen::SectionClass;

namespace {

bool of_boot(const Atom& a) {
    return a.section_class == SectionClass::init_text || a.section_class == SectionClass::init_data
           || a.section_class == SectionClass::registration;
}

std::string_view kind_of(const Atom& a) {
    return a.is_function() ? "function" : "datum";
}

class Accountant {
public:
    Accountant(const Program& program, const Selection& selection, const Binder& binder,
               const Findings& said)
        : program_(program), selection_(selection), binder_(binder) {
        for (const Finding& f : said)
            if (f.code == "select.left-out")
                left_out_.insert({f.where.file, f.where.function});
            else if (f.severity != Severity::note)
                named_.insert({f.where.file, f.where.function});
        for (const Unit& u : program.units)
            for (const auto& [patched, original] : u.moved)
                moved_.insert(original);
    }

    Account run() {
        for (std::size_t u = 0; u < program_.units.size(); ++u) {
            const Unit& unit = program_.units[u];
            if (unit.patched) {
                for (const Atom& a : unit.patched->atoms())
                    if (!a.anonymous())
                        settle(u, a);
                for (const Atom& array : unit.patched->arrays())
                    enter(unit, array.label(), "array",
                          array.section_class == SectionClass::hooks ? Fate::hook : Fate::boot);
            }
            if (unit.original)
                for (const Atom& o : unit.original->atoms())
                    if (!o.anonymous() && program_.vanished(u, o) && !moved_.contains({u, o.id}))
                        enter(unit, o.label(), kind_of(o), Fate::removed);
        }
        return std::move(account_);
    }

private:
    void settle(std::size_t unit, const Atom&);
    std::optional<Fate> fate_of(std::size_t unit, const Atom&) const;
    std::optional<Fate> fate_of_added(const Unit&, const Atom&) const;
    bool spoken_of(const Unit& u, const Atom& a) const {
        return named_.contains({u.name, a.label()}) || named_.contains({u.name, a.xen_name()});
    }
    void enter(const Unit& u, std::string name, std::string_view kind, Fate fate) {
        ++account_.counts[kind][fate];
        if (fate != Fate::same)
            account_.entries.push_back({u.name, std::move(name), kind, fate});
    }

    const Program& program_;
    const Selection& selection_;
    const Binder& binder_;
    std::set<std::pair<std::string, std::string>> named_; // by findings: unit, function or datum
    std::set<std::pair<std::string, std::string>> left_out_;
    std::set<Place> moved_; // originals that live elsewhere now
    Account account_;
};

// A function that the hypervisor has, from a unit that is not at hand (or as a weak one): its users
// would keep the old one.
std::optional<Fate> Accountant::fate_of_added(const Unit& u, const Atom& a) const {
    if (of_boot(a))
        return Fate::boot;
    if (a.global || (a.is_function() && atom::stem(a.name) == a.name)) {
        const Binding known = binder_.in_image(a.xen_name());
        if (known.kind == Binding::Kind::image && !known.gone_after_boot) {
            if (!a.is_function())
                return Fate::bound;
            return spoken_of(u, a) ? std::optional(Fate::finding) : std::nullopt;
        }
    }
    return Fate::unused;
}

std::optional<Fate> Accountant::fate_of(std::size_t unit, const Atom& a) const {
    const Unit& u = program_.units[unit];
    const State state = u.state(a.id);
    if (left_out_.contains({u.name, a.label()}))
        return Fate::left_out;
    if (state == State::added && a.is_function() && fate_of_added(u, a) == std::nullopt)
        return std::nullopt; // carried or not
    if (const auto it = selection_.index.find({unit, a.id}); it != selection_.index.end())
        return selection_.items[it->second].role == Role::replacement ? Fate::replaced
                                                                      : Fate::carried;
    switch (state) {
    case State::same:
        return u.moved.contains(a.id) || !u.renamed_from.empty() ? Fate::moved : Fate::same;
    case State::line_only:
        return Fate::line_only;
    case State::added:
        return fate_of_added(u, a);
    case State::changed:
        break;
    }
    if (spoken_of(u, a))
        return Fate::finding;
    if (const auto parent = atom::cold_parent(a.name))
        if (const Atom* whole = u.patched->find(*parent))
            return fate_of(unit, *whole);
    return std::nullopt;
}

void Accountant::settle(std::size_t unit, const Atom& a) {
    const Unit& u = program_.units[unit];
    const auto fate = fate_of(unit, a);
    if (fate)
        return enter(u, a.label(), kind_of(a), *fate);
    enter(u, a.label(), kind_of(a), Fate::finding);
    const bool again = u.state(a.id) == State::added;
    account_.unsettled.push_back(refusal(
        "account.lost",
        again ? "The hypervisor already has a function of this name, as an alias of another or in "
                "a file that was not compared: its callers would keep calling it."
              : "The patch changes it, and nothing in the payload applies that change to the "
                "running hypervisor.",
        again ? "Leave it as it is in the original, or make the patch touch the file that defines "
                "it there, for example by adding an empty line."
              : "If the fix does not depend on it, allow this refusal; otherwise make the change "
                "in a hook (xen-patches/examples), or reboot.",
        {u.name, a.label(), u.source, 0}));
}

} // namespace

std::string_view text(Fate f) {
    switch (f) {
    case Fate::same:
        return "same";
    case Fate::line_only:
        return "line numbers only";
    case Fate::moved:
        return "moved";
    case Fate::replaced:
        return "replaced";
    case Fate::carried:
        return "carried";
    case Fate::bound:
        return "bound";
    case Fate::boot:
        return "boot only";
    case Fate::unused:
        return "unused";
    case Fate::removed:
        return "removed";
    case Fate::hook:
        return "hook";
    case Fate::left_out:
        return "left out";
    case Fate::finding:
        return "finding";
    }
    return "";
}

Account account_for(const Program& program, const Selection& selection, const Binder& binder,
                    const Findings& said) {
    return Accountant(program, selection, binder, said).run();
}

} // namespace xlp::diff
