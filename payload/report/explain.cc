// SPDX-License-Identifier: GPL-2.0-only
#include "payload/report/explain.h"

#include "payload/base/bytes.h"
#include "payload/base/json.h"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace xlp::build {

using atom::Atom;
using diff::Included;
using diff::Role;

namespace {

const char* role_name(Role r) {
    switch (r) {
    case Role::replacement:
        return "replacement";
    case Role::addition:
        return "addition";
    case Role::companion:
        return "companion";
    case Role::constant:
        return "constant";
    case Role::new_data:
        return "new data";
    }
    return "";
}

std::string text(const types::SourceLine& line) {
    return line.file.empty() ? std::string() : fmt::format("{}:{}", line.file, line.line);
}

} // namespace

const types::Lines* Explainer::lines(const elf::Object& object) {
    auto [it, fresh] = lines_.try_emplace(&object);
    if (fresh)
        if (auto read = types::Lines::from(object))
            it->second = std::move(*read);
    return it->second ? &*it->second : nullptr;
}

// The instruction that holds the byte, with the name of what its reference means.
std::string Explainer::instruction(const Atom& a, const atom::Module& m,
                                   std::uint64_t offset) const {
    for (const disasm::Instruction& i : disassembler_.all(a.bytes, 0)) {
        if (i.end() <= offset)
            continue;
        std::string s = i.text;
        for (const atom::Reference& r : a.references)
            if (r.offset >= i.address && r.offset < i.end()) {
                s += " <"
                     + (r.atom == atom::no_atom ? std::string(r.external) : m.atom(r.atom).label());
                s += r.delta ? fmt::format("{:+#x}>", r.delta) : ">";
            }
        return s;
    }
    return {};
}

std::optional<FirstDifference> Explainer::first_difference(diff::Place p) {
    const diff::Unit& u = program_.units[p.unit];
    auto d = u.differences.find(p.atom);
    const Atom* twin = u.twin(p.atom);
    if (d == u.differences.end() || !twin)
        return std::nullopt;
    const Atom& a = u.patched->atom(p.atom);
    FirstDifference first;
    if (a.is_function()) {
        first.original = instruction(*twin, *u.original, d->second.original_offset);
        first.patched = instruction(a, *u.patched, d->second.patched_offset);
    }
    if (const types::Lines* l = lines(u.patched->object()))
        if (auto line = l->at(a.section, a.begin + d->second.patched_offset))
            first.line = *line;
    return first;
}

void Explainer::locate(Findings& findings) {
    for (Finding& f : findings) {
        if (f.where.line || f.where.function.empty())
            continue;
        auto unit = std::find_if(program_.units.begin(), program_.units.end(),
                                 [&](const diff::Unit& u) { return u.name == f.where.file; });
        if (unit == program_.units.end() || !unit->patched)
            continue;
        const Atom* a = unit->patched->find(f.where.function);
        if (!a)
            continue;
        const auto index = static_cast<std::size_t>(unit - program_.units.begin());
        std::optional<types::SourceLine> line;
        if (auto d = first_difference({index, a->id}); d && !d->line.file.empty())
            line = d->line;
        else if (const types::Lines* l = lines(unit->patched->object()))
            line = l->decl_line(a->name);
        if (line) {
            f.where.source = line->file;
            f.where.line = line->line;
        }
    }
}

Json describe(const Assembly& a) {
    Explainer explainer(a.program);
    Json j;
    j["build_id"] = hex(a.payload.build_id);
    j["size"] = a.payload.bytes.size();
    j["contents"] = Json::array();
    for (const Included& i : a.selection.items) {
        const Atom& atom = a.program.atom(i.place);
        Json one = {{"role", role_name(i.role)},
                    {"name", atom.label()},
                    {"unit", a.program.units[i.place.unit].name},
                    {"size", atom.size},
                    {"reason", i.reason}};
        if (i.role == Role::replacement) {
            one["replaces"] = i.old_name;
            one["old_size"] = i.old_size;
        }
        if (!i.old_name.empty())
            if (auto d = explainer.first_difference(i.place))
                one["first_difference"] = {
                    {"source", text(d->line)}, {"original", d->original}, {"patched", d->patched}};
        if (i.because >= 0)
            one["because_of"] =
                a.program.atom(a.selection.items[static_cast<std::size_t>(i.because)].place)
                    .label();
        j["contents"].push_back(std::move(one));
    }
    j["line_only"] = a.selection.line_only;
    j["left_out"] = a.left_out;
    return j;
}

std::vector<std::string> explain(const Assembly& a) {
    Explainer explainer(a.program);
    std::vector<std::string> lines;
    for (const Included& i : a.selection.items) {
        const Atom& atom = a.program.atom(i.place);
        lines.push_back(fmt::format(
            "{:<11} {} ({}, {} bytes{}): {}", role_name(i.role), atom.label(),
            a.program.units[i.place.unit].name, atom.size,
            i.role == Role::replacement ? fmt::format(" for {}", i.old_size) : "", i.reason));
        if (i.old_name.empty())
            continue;
        if (auto d = explainer.first_difference(i.place)) {
            if (!d->line.file.empty())
                lines.push_back(fmt::format("              first at {}", text(d->line)));
            lines.push_back(fmt::format("              - {}", d->original));
            lines.push_back(fmt::format("              + {}", d->patched));
        }
    }
    for (const std::string& name : a.selection.line_only)
        lines.push_back(fmt::format("left out    {}: differs by line numbers only", name));
    for (const std::string& name : a.left_out)
        lines.push_back(fmt::format("left out    {}: keeps its old code (--leave-out)", name));
    return lines;
}

std::string summary(const Assembly& a, const std::filesystem::path& output) {
    const auto replaced = std::count_if(a.selection.items.begin(), a.selection.items.end(),
                                        [](const auto& i) { return i.role == Role::replacement; });
    return fmt::format("{}: {} function{} replaced, {} bytes, build-id {}", output.string(),
                       replaced, replaced == 1 ? "" : "s", a.payload.bytes.size(),
                       hex(a.payload.build_id));
}

} // namespace xlp::build
