// SPDX-License-Identifier: GPL-2.0-only
#include "payload/diff/obstacles.h"

#include <algorithm>
#include <fmt/format.h>

namespace xlp::diff {

using atom::Atom;
using xen::SectionClass;

namespace {

class Survey {
public:
    Survey(const Program& program, const Selection& selection)
        : program_(program), something_to_apply_(!selection.items.empty()),
          hooks_(!selection.hooks.empty()), refused_already_(has_errors(selection.findings)) {}

    Findings run() {
        for (std::size_t i = 0; i < program_.units.size(); ++i) {
            const Unit& u = program_.units[i];
            check_names(i);
            if (u.patched && u.patched->assembly()) {
                check_assembly(u);
                continue;
            }
            if (!u.patched)
                continue;
            for (const Atom& a : u.patched->atoms())
                if (!a.anonymous())
                    check(i, a);
            check_arrays(u);
        }
        if (!something_to_apply_ && !refused_already_ && !has_errors(findings_))
            findings_.push_back(refusal(
                "select.nothing-changed",
                "In this configuration, the patch changes no code of the running hypervisor.",
                "If the configuration is that of the host, there is nothing to apply."));
        return std::move(findings_);
    }

private:
    void check(std::size_t unit, const Atom&);
    void check_data(const Unit&, const Atom&, const Atom& twin);
    void check_assembly(const Unit&);
    void check_arrays(const Unit&);
    void boot_only(const Unit&, const Atom&, std::string what);
    void check_pointers(const Unit&, const Atom&);
    void check_names(std::size_t unit);
    std::optional<Place> defined(std::size_t unit, std::string_view name) const;

    void add(Finding f) { findings_.push_back(std::move(f)); }
    static Where at(const Unit& u, const Atom& a) { return {u.name, a.label(), u.source, 0}; }

    const Program& program_;
    bool something_to_apply_, hooks_, refused_already_;
    Findings findings_;
};

void Survey::boot_only(const Unit& u, const Atom& a, std::string what) {
    if (const auto d = u.differences.find(a.id); a.id != atom::no_atom && d != u.differences.end())
        what += fmt::format(" What changed: {}.", d->second.why);
    const char* remedy = "If the fix depends on it, do its work in a load hook "
                         "(xen-patches/examples), or reboot into the fixed hypervisor.";
    if (something_to_apply_ && hooks_)
        add(warning("init.half",
                    what + " That half of the patch has no effect unless a hook does its work.", {},
                    at(u, a)));
    else if (something_to_apply_)
        add(refusal(
            "init.half",
            what + " That half of the patch would have no effect, and half a fix is not a fix.",
            std::string(remedy)
                + " If the fix does not depend on it, allow this refusal; the payload then counts "
                  "as a partial fix.",
            at(u, a)));
    else
        add(refusal("init.only", std::move(what), remedy, at(u, a)));
}

void Survey::check_data(const Unit& u, const Atom& a, const Atom& twin) {
    const Difference& d = u.differences.at(a.id);
    if (a.section_class == SectionClass::per_cpu) {
        add(refusal("data.per-cpu-changed",
                    fmt::format("The per-CPU variable changed: {}. The hypervisor's per-CPU areas "
                                "still hold the old one.",
                                d.why),
                    "Leave the variable unchanged and keep new state elsewhere.", at(u, a)));
        return;
    }
    const std::string sizes = a.size != twin.size
                                  ? fmt::format(" It grew from {} to {} bytes.", twin.size, a.size)
                                  : std::string();
    add(refusal("data.changed",
                fmt::format("Existing data of the hypervisor changed: {}.{} Unpatched code, and "
                            "values already written, follow the old definition.",
                            d.why, sizes),
                "Leave the initial value unchanged and set the new one in a load hook "
                "(xen-patches/examples), or keep new state in a new variable. If a hook in this "
                "patch already does that, allow this refusal.",
                at(u, a)));
}

// Writable data that points at a constant whose contents changed keeps pointing at the old one.
void Survey::check_pointers(const Unit& u, const Atom& a) {
    if (a.section_class != SectionClass::data || !u.twin(a.id))
        return;
    for (const atom::Reference& r : a.references) {
        if (r.atom == atom::no_atom || u.state(r.atom) != State::changed)
            continue;
        const Atom& target = u.patched->atom(r.atom);
        if (target.section_class == SectionClass::text && target.is_function() && r.delta != 0)
            add(refusal("data.points-into-code",
                        fmt::format("It points into `{}', whose code changed; in the running "
                                    "hypervisor it still points into the old code.",
                                    target.name),
                        "Set the pointer in a load hook (xen-patches/examples).", at(u, a)));
        if (target.section_class == SectionClass::constant && !target.anonymous())
            add(refusal("data.points-to-changed",
                        fmt::format("It points to `{}', whose contents changed; in the running "
                                    "hypervisor it still points to the old contents.",
                                    target.name),
                        "Set the pointer, or the contents, in a load hook (xen-patches/examples).",
                        at(u, a)));
    }
}

void Survey::check(std::size_t unit, const Atom& a) {
    const Unit& u = program_.units[unit];
    const State state = u.state(a.id);
    check_pointers(u, a);
    if (state == State::same || state == State::line_only)
        return;
    const Atom* twin = program_.twin({unit, a.id});
    switch (a.section_class) {
    case SectionClass::init_text:
        if (state == State::changed || (twin == nullptr && !something_to_apply_))
            boot_only(u, a, "This function runs only at boot and is freed afterwards.");
        return;
    case SectionClass::registration:
        if (state == State::changed)
            boot_only(u, a, "This entry belongs to an array that is read only at boot.");
        return;
    case SectionClass::init_data:
        if (state == State::changed)
            boot_only(u, a, "This variable is used only at boot and is freed afterwards.");
        return;
    case SectionClass::entry_text:
        add(refusal("select.entry-text",
                    "This code cannot be redirected: it runs where payloads are not mapped, or is "
                    "too short for a jump.",
                    "This fix needs a reboot.", at(u, a)));
        return;
    case SectionClass::data:
    case SectionClass::per_cpu:
        if (state == State::changed)
            check_data(u, a, *twin);
        return;
    default:
        return;
    }
}

void Survey::check_assembly(const Unit& u) {
    if (!u.original) {
        add(refusal("assembly.added", "The patch adds an assembly file.",
                    "Write the new code in C, or reboot.", {u.name, {}, u.source, 0}));
        return;
    }
    for (const Atom& a : u.patched->atoms()) {
        if (a.anonymous() || u.state(a.id) == State::same)
            continue;
        if (a.section_class == SectionClass::init_text
            || a.section_class == SectionClass::init_data) {
            boot_only(u, a, "This assembly code is used only at boot.");
            continue;
        }
        add(refusal(
            "assembly.changed",
            "Assembly code changed. It has no function boundaries where a jump could safely be "
            "written, and may be running on another CPU or stack while the payload is applied.",
            "This fix needs a reboot, a change in the C code that calls it, or a hook that does "
            "its "
            "work. Allow this refusal only if there is such a hook: without hooks the payload "
            "counts "
            "as a partial fix.",
            at(u, a)));
    }
}

// Where a name of a unit leads after the patch, for that unit's code.
std::optional<Place> Survey::defined(std::size_t unit, std::string_view name) const {
    const auto& patched = program_.units[unit].patched;
    if (const Atom* a = patched ? patched->find(name) : nullptr)
        return Place{unit, a->id};
    return program_.global(name);
}

// What is there under several names; an empty array shares its address with what follows it, and is
// no name of that.
std::vector<std::string_view> shared_names(const atom::Module& m, const Atom& a) {
    std::vector<std::string_view> names;
    for (const elf::Symbol& s : m.object().symbols())
        if (s.section == a.section && s.value == a.begin && s.size && !s.name.empty()
            && (s.type == STT_FUNC || s.type == STT_OBJECT))
            names.push_back(s.name);
    return names;
}

// Names that share one address in the hypervisor must lead to one place after the patch: a jump at
// that address leads to one only, and so does what holds the address of a variable.
void Survey::check_names(std::size_t unit) {
    const Unit& u = program_.units[unit];
    if (!u.original || u.original->assembly())
        return;
    for (const Atom& o : u.original->atoms()) {
        if (o.aliases.empty() || o.anonymous())
            continue;
        std::optional<Place> first;
        std::string_view by;
        for (std::string_view name : shared_names(*u.original, o)) {
            const auto place = defined(unit, name);
            if (!place)
                continue;
            if (first && *first != *place) {
                add(refusal("select.alias",
                            fmt::format("`{}' and `{}' are two names for one address in the "
                                        "hypervisor, but separate after the patch.",
                                        by, name),
                            "Keep them as aliases, and give the new function or variable a name of "
                            "its own.",
                            at(u, o)));
                break;
            }
            first = place;
            by = name;
        }
    }
}

// Boot-time arrays: the running hypervisor walked them once.
void Survey::check_arrays(const Unit& u) {
    static const std::vector<Atom> none;
    const auto& before = u.original ? u.original->arrays() : none;
    for (const Atom& a : u.patched->arrays()) {
        if (a.section_class != SectionClass::registration)
            continue;
        auto old = std::find_if(before.begin(), before.end(),
                                [&](const Atom& o) { return o.name == a.name; });
        if (old == before.end() || old->size != a.size)
            boot_only(u, a,
                      fmt::format("The patch adds an entry to {}, an array that the hypervisor "
                                  "reads only at boot.",
                                  a.name));
    }
}

} // namespace

Findings obstacles(const Program& program, const Selection& selection) {
    return Survey(program, selection).run();
}

} // namespace xlp::diff
