// SPDX-License-Identifier: GPL-2.0-only
#include "payload/pipeline/prove.h"

#include "payload/base/bytes.h"
#include "payload/base/parallel.h"
#include "payload/load/model.h"
#include "payload/match/bring_up.h"
#include "payload/match/expectation.h"
#include "payload/match/explain.h"
#include "payload/match/trampoline.h"
#include "payload/match/xrefs.h"
#include "payload/types/findings.h"
#include "payload/types/lines.h"

#include <algorithm>
#include <deque>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <set>

namespace xlp::build {

using diff::Included;
using diff::Role;
using diff::Unit;

namespace {

// Source lines of the original objects, read when the first is asked for.
class LineTables {
public:
    std::optional<match::SourceLine> at(const elf::Object& object, std::uint32_t section,
                                        std::uint64_t offset) {
        auto it = tables_.find(&object);
        if (it == tables_.end()) {
            auto lines = types::Lines::from(object);
            if (!lines)
                return std::nullopt;
            it = tables_.emplace(&object, std::move(*lines)).first;
        }
        auto line = it->second.at(section, offset);
        if (!line)
            return std::nullopt;
        return match::SourceLine{line->file, line->line};
    }

private:
    std::map<const elf::Object*, types::Lines> tables_;
};

// The original atoms of a unit that the payload replaces, cold parts included: jumps into those
// are part of the old function.
std::vector<atom::AtomId> replaced_atoms(const diff::Program& program,
                                         const diff::Selection& selection, std::size_t unit) {
    std::vector<atom::AtomId> ids;
    for (const Included& i : selection.items)
        if (i.role == Role::replacement && i.place.unit == unit)
            ids.push_back(program.twin(i.place)->id);
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

Result<void> match_old_code(const diff::Program& program, const diff::Selection& selection,
                            const xen::Image& image, const WholeModules& whole,
                            Findings& findings) {
    std::deque<atom::Module> wholes; // matches refer to them
    std::vector<match::Match> matches;
    std::vector<std::vector<atom::AtomId>> replaced;
    for (std::size_t u = 0; u < program.units.size(); ++u) {
        const Unit& unit = program.units[u];
        if (!unit.original || unit.original->assembly())
            continue;
        matches.push_back(match::match_module(*unit.original, image));
        replaced.push_back(replaced_atoms(program, selection, u));
        if (all_same(matches.back()) || !whole)
            continue;
        auto other = whole(u);
        if (!other)
            return fail(other);
        if (!*other)
            continue;
        if (auto ids = same_names(*unit.original, replaced.back(), **other)) {
            wholes.push_back(std::move(**other));
            matches.back() = match::match_module(wholes.back(), image);
            replaced.back() = std::move(*ids);
        }
    }
    const match::Diagnosis diagnosis = match::diagnose(matches, image);
    LineTables lines;
    auto line_of = [&](const elf::Object& o, std::uint32_t section, std::uint64_t offset) {
        return lines.at(o, section, offset);
    };
    for (std::size_t m = 0; m < matches.size(); ++m) {
        append(findings, match::explain(matches[m], replaced[m], diagnosis, image, line_of));
        if (auto rest = match::others(matches[m], replaced[m], diagnosis))
            findings.push_back(std::move(*rest));
    }
    return {};
}

std::set<std::string> replaced_names(const diff::Selection& selection) {
    std::set<std::string> names;
    for (const Included& i : selection.items)
        if (i.role == Role::replacement)
            names.insert(i.old_name);
    return names;
}

// Who refers to these ranges, apart from what `known` holds.
std::set<std::string> strangers(const xen::Image& image, xen::Range range,
                                const std::function<bool(const std::string&)>& known) {
    const disasm::Disassembler disassembler;
    std::set<std::string> names;
    const xen::Range ranges[] = {range};
    const match::Xrefs xrefs = match::Xrefs::find(image, ranges, disassembler);
    for (const match::Xref& x : xrefs.all())
        if (!image.in_init(x.from) && x.kind != match::Xref::Kind::possible && !known(x.symbol))
            names.insert(x.symbol.empty() ? fmt::format("{:#x}", x.from) : x.symbol);
    return names;
}

// Symbols that the compiled units have in the hypervisor. What they do with a function is known.
std::set<std::string> compiled_names(const diff::Program& program) {
    std::set<std::string> names;
    for (const Unit& u : program.units)
        if (u.original)
            for (const atom::Atom& a : u.original->atoms())
                if (!a.anonymous())
                    names.insert(a.xen_name());
    return names;
}

// A function that is too short to be redirected comes with its callers; units that were not
// compiled may call it too.
Findings check_callers(const diff::Program& program, const diff::Selection& selection,
                       const xen::Image& image) {
    Findings findings;
    const std::set<std::string> compiled = compiled_names(program);
    for (const Included& i : selection.items) {
        if (i.role != Role::addition || i.old_name.empty())
            continue;
        const auto left = strangers(image, {i.old_address, i.old_address + 1},
                                    [&](const std::string& s) { return compiled.contains(s); });
        if (!left.empty())
            findings.push_back(refusal(
                "select.too-short",
                fmt::format("The function has no room for a jump to its replacement, and not all "
                            "that use it are in files that the patch touches: {}.",
                            fmt::join(left, ", ")),
                "Let the patch touch the files of those too, with an empty line for example: they "
                "are then replaced in its place.",
                {program.units[i.place.unit].name, i.old_name, program.units[i.place.unit].source,
                 0}));
    }
    return findings;
}

// Replaced code that the CPUs which are up have run already, and will not run again.
Findings check_bring_up(const diff::Selection& selection, const xen::Image& image,
                        std::span<const match::Site> sites, const disasm::Disassembler& d) {
    Findings findings;
    for (const auto& [name, by] : match::bring_up_only(image, sites, d)) {
        std::string why = fmt::format(
            "It runs only when a CPU comes up, is brought online, resumes or takes microcode "
            "(reached through {}). CPUs that are up keep what its old code did.",
            by);
        // A load hook will not do: the other CPUs are stopped then, and never answer.
        if (selection.hooks.empty())
            findings.push_back(
                warning("init.bring-up", std::move(why),
                        "Add a post-apply hook to the patch that does its work on each CPU that is "
                        "up, with on_each_cpu() for example (xen-patches/examples/cpu-bring-up); "
                        "or reboot.",
                        {{}, name, {}, 0}));
        else
            findings.push_back(note("init.bring-up",
                                    why + " What is to happen on them is left to the hooks.", {},
                                    {{}, name, {}, 0}));
    }
    return findings;
}

} // namespace

Result<OldCode> check_old_code(const diff::Program& program, const diff::Selection& selection,
                               const xen::Image& image, const WholeModules& whole) {
    OldCode result;
    if (auto ok = match_old_code(program, selection, image, whole, result.findings); !ok)
        return fail(ok);
    const disasm::Disassembler disassembler;
    const match::Tables tables = match::Tables::read(image);
    std::vector<match::Site> sites;
    for (std::size_t i = 0; i < selection.items.size(); ++i) {
        const Included& item = selection.items[i];
        if (item.role != Role::replacement)
            continue;
        sites.push_back({item.old_name, item.old_address, item.old_size});
        if (auto bytes = match::expectation(image, tables, item.old_address, item.old_size))
            result.expectations.emplace(i, std::move(*bytes));
    }
    append(result.findings, match::check_trampolines(image, tables, sites, disassembler));
    append(result.findings, check_callers(program, selection, image));
    append(result.findings, check_bring_up(selection, image, sites, disassembler));
    return result;
}

Findings check_types(const diff::Program& program, const diff::Selection& selection,
                     const xen::Image& image, unsigned jobs) {
    std::vector<types::TypeChanges> changes(program.units.size());
    auto compared = for_each(program.units.size(), jobs, {}, [&](std::size_t i) -> Result<void> {
        const Unit& u = program.units[i];
        if (!u.original || !u.patched || u.patched->assembly())
            return {};
        auto c = types::compare_types(u.original->object(), u.patched->object());
        if (!c)
            return fail(c);
        changes[i] = std::move(*c);
        return {};
    });
    if (!compared)
        return std::move(compared.error());
    types::TypeChanges all;
    for (types::TypeChanges& c : changes)
        types::merge(all, std::move(c));
    std::set<std::string_view> included;
    for (const Included& i : selection.items)
        if (program.atom(i.place).is_function())
            included.insert(program.atom(i.place).name);
    Findings findings =
        types::findings(all, [&](std::string_view symbol) { return included.contains(symbol); });

    // Callers in units that were compiled are right by construction: the compiler saw the new
    // form, and either their code is the same for both forms or they are included.
    const std::set<std::string> compiled = compiled_names(program);
    for (const types::FunctionChange& f : all.functions)
        for (const Included& i : selection.items)
            if (i.role == Role::replacement
                && std::find(f.symbols.begin(), f.symbols.end(), program.atom(i.place).name)
                       != f.symbols.end()) {
                const auto left =
                    strangers(image, {i.old_address, i.old_address + 1},
                              [&](const std::string& s) { return compiled.contains(s); });
                findings.push_back(types::finding(f, {left.begin(), left.end()}));
            }
    return findings;
}

Findings check_readers(const diff::Program& program, const diff::Selection& selection,
                       const xen::Image& image) {
    Findings findings;
    const std::set<std::string> replaced = replaced_names(selection);
    const diff::Binder binder(program, image);
    for (const Included& i : selection.items) {
        const atom::Atom& a = program.atom(i.place);
        const atom::Atom* twin = program.twin(i.place);
        if (i.role != Role::constant || a.anonymous() || !twin || twin->size == 0
            || program.state(i.place) != diff::State::changed)
            continue;
        const diff::Binding old = binder.in_image(*twin);
        if (old.kind != diff::Binding::Kind::image)
            continue;
        auto left =
            strangers(image, {old.address, old.address + twin->size}, [&](const std::string& s) {
                const auto cold = s.find(".cold");
                return replaced.contains(s.substr(0, cold)) || s == old.name;
            });
        if (!left.empty())
            findings.push_back(refusal(
                "data.const-changed",
                fmt::format("The contents of this constant changed, and code outside of the "
                            "payload reads it too: {}.",
                            fmt::join(left, ", ")),
                "Set the new contents in a load hook (xen-patches/examples).",
                {program.units[i.place.unit].name, a.label(), program.units[i.place.unit].source,
                 0}));
    }
    return findings;
}

Findings check_payload(View payload, const std::string& name, const xen::Image& image) {
    load::Options options;
    options.name = name;
    load::Verdict verdict = load::load(payload, image, options);
    return std::move(verdict.findings);
}

} // namespace xlp::build
