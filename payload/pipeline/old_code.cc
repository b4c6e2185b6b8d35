// SPDX-License-Identifier: GPL-2.0-only
// Is the code that is to be replaced what we think it is, and can it take a jump?
#include "payload/match/bring_up.h"
#include "payload/match/expectation.h"
#include "payload/match/explain.h"
#include "payload/pipeline/passes.h"

#include <algorithm>
#include <fmt/format.h>

namespace xlp::pipeline {

using diff::Included;
using diff::Role;
using diff::Unit;

namespace {

// The original atoms of a unit that the payload replaces, cold parts included: jumps into those
// are part of the old function.
std::vector<atom::AtomId> replaced_atoms(const diff::Program& program,
                                         const diff::Selection& selection, std::size_t unit) {
    std::vector<atom::AtomId> ids;
    for (const Included& i : selection.items) {
        if (i.role != Role::replacement)
            continue;
        if (const auto origin = program.origin(i.place); origin && origin->unit == unit)
            ids.push_back(origin->atom);
        if (i.place.unit == unit)
            for (auto [original, patched] : program.units[unit].twins.merged)
                if (patched == i.place.atom)
                    ids.push_back(original);
    }
    return ids;
}

bool all_same(const match::Match& m) {
    return std::all_of(m.module().atoms().begin(), m.module().atoms().end(), [&](const auto& a) {
        const match::State s = m.of(a.id).state;
        return !a.is_function() || s == match::State::unchecked || match::same(s);
    });
}

// The same functions in another compile of the unit; nothing if one is not there.
std::optional<std::vector<atom::AtomId>>
same_names(const atom::Module& from, const std::vector<atom::AtomId>& ids, const atom::Module& to) {
    std::vector<atom::AtomId> others;
    for (atom::AtomId id : ids) {
        const std::string name = from.atom(id).xen_name();
        const auto it = std::find_if(to.atoms().begin(), to.atoms().end(), [&](const auto& a) {
            return !a.anonymous() && a.is_function() && a.xen_name() == name;
        });
        if (it == to.atoms().end())
            return std::nullopt;
        others.push_back(it->id);
    }
    return others;
}

// Originals that are held against the hypervisor: assembly has no sizes to go by.
bool is_matched(const Unit& unit) {
    return unit.original && !unit.original->assembly();
}

// Constants of which a payload below carries contents of its own. Strings that they point to are
// part of that.
std::set<diff::Place> own_constants(const Context& c) {
    std::set<diff::Place> own;
    if (!c.image.has_payloads())
        return own;
    auto m = c.matches.begin();
    for (std::size_t u = 0; u < c.program.units.size(); ++u) {
        if (!is_matched(c.program.units[u]))
            continue;
        for (const atom::Atom& a : m->module().atoms())
            if (a.section_class == xen::SectionClass::constant && !a.anonymous()
                && m->of(a.id).state != match::State::matched)
                own.insert({u, a.id});
        ++m;
    }
    return own;
}

} // namespace

Result<void> match_originals(Context& c) {
    for (const Unit& unit : c.program.units) {
        if (!is_matched(unit))
            continue;
        c.matches.push_back(match::match_module(*unit.original, c.image));
        if (!all_same(c.matches.back()))
            c.needs.push_back({unit.name, Need::Kind::whole_sections});
    }
    return {};
}

Result<void> select(Context& c) {
    append(c.findings, c.program.check_bound());
    append(c.findings, c.program.leave_out(c.options.left_out));
    c.binder.emplace(c.program, c.image);
    c.binder->carry(own_constants(c));
    c.selection = diff::select(c.program, *c.binder);
    append(c.findings, c.selection.findings);
    return {};
}

Result<void> check_old_code(Context& c) {
    std::size_t m = 0;
    std::vector<bool> by_whole(c.matches.size());
    for (std::size_t u = 0; u < c.program.units.size(); ++u) {
        const Unit& unit = c.program.units[u];
        if (!is_matched(unit))
            continue;
        c.wanted.push_back(replaced_atoms(c.program, c.selection, u));
        const auto whole = c.supplied.find({unit.name, Need::Kind::whole_sections});
        if (whole != c.supplied.end())
            if (auto ids = same_names(*unit.original, c.wanted[m], whole->second)) {
                match::Match as_built = match::match_module(whole->second, c.image);
                // what payloads below brought was compiled with a section for each function
                as_built.take_better(c.matches[m]);
                c.matches[m] = std::move(as_built);
                by_whole[m] = true;
                c.wanted[m] = std::move(*ids);
            }
        ++m;
    }
    const match::Diagnosis diagnosis = match::diagnose(c.matches, c.image);
    auto line_of = [&](const elf::Object& object, std::uint32_t section,
                       std::uint64_t offset) -> std::optional<match::SourceLine> {
        const types::Lines* lines = c.lines->of(object);
        const auto line = lines ? lines->at(section, offset) : std::nullopt;
        if (!line)
            return std::nullopt;
        return match::SourceLine{line->file, line->line};
    };
    for (m = 0; m < c.matches.size(); ++m) {
        append(c.findings, match::explain(c.matches[m], c.wanted[m], diagnosis, c.image, line_of));
        // where functions share a section, a patch below moves all of its unit's in the compile
        if (c.image.has_payloads() && by_whole[m])
            continue;
        if (auto rest = match::others(c.matches[m], c.wanted[m], diagnosis))
            c.findings.push_back(std::move(*rest));
    }
    return {};
}

Result<void> check_trampolines(Context& c) {
    c.tables = match::Tables::read(c.image);
    for (const Included& item : c.selection.items) {
        if (item.role != Role::replacement)
            continue;
        c.sites.push_back({item.old_name, item.old_address, item.old_size});
        for (const diff::OldCode& old : item.also)
            c.sites.push_back({old.name, old.address, old.size});
    }
    for (const match::Site& s : c.sites)
        if (auto bytes = match::expectation(c.image, *c.tables, s.address, s.size))
            c.expectations.emplace(s.address, std::move(*bytes));
    const disasm::Disassembler disassembler;
    append(c.findings, match::check_trampolines(c.image, *c.tables, c.sites, disassembler));
    return {};
}

Result<void> check_bring_up(Context& c) {
    const disasm::Disassembler disassembler;
    for (const auto& [name, by] : match::bring_up_only(c.image, c.sites, disassembler)) {
        std::string why = fmt::format(
            "It runs only when a CPU boots, comes online, resumes or loads microcode (reached "
            "through {}). CPUs that are already up keep what its old code did.",
            by);
        // A load hook will not do: the other CPUs are stopped then, and never answer.
        if (c.selection.hooks.empty())
            c.findings.push_back(
                refusal("init.bring-up", std::move(why),
                        "Add a post-apply hook to the patch that does its work on each CPU that is "
                        "up, for example with on_each_cpu() (xen-patches/examples/cpu-bring-up); "
                        "or reboot. If the fix does not depend on it, allow this refusal; the "
                        "payload then counts as a partial fix.",
                        {{}, name, {}, 0}));
        else
            c.findings.push_back(note("init.bring-up",
                                      why + " The hooks must do its work on those CPUs.", {},
                                      {{}, name, {}, 0}));
    }
    return {};
}

} // namespace xlp::pipeline
