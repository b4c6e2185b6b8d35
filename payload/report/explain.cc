// SPDX-License-Identifier: GPL-2.0-only
#include "payload/report/explain.h"

#include "payload/base/bytes.h"
#include "payload/base/json.h"
#include "payload/disasm/disasm.h"
#include "payload/types/lines.h"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace xlp::report {

using atom::Atom;
using diff::Included;
using diff::Role;
using pipeline::Assembly;

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

// The first place where a changed function differs.
struct FirstDifference {
    std::string original, patched; // instructions, as objdump shows them; empty past the end
    types::SourceLine line;        // in the patched source; empty file if unknown
};

// The instruction that holds the byte, with the name of what its reference means.
std::string instruction(const disasm::Disassembler& disassembler, const Atom& a,
                        const atom::Module& m, std::uint64_t offset) {
    for (const disasm::Instruction& i : disassembler.all(a.bytes, 0)) {
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

std::optional<FirstDifference> first_difference(const Assembly& assembly, diff::Place p) {
    const diff::Unit& u = assembly.program.units[p.unit];
    const auto d = u.differences.find(p.atom);
    const auto origin = assembly.program.origin(p);
    if (d == u.differences.end() || !origin)
        return std::nullopt;
    const atom::Module& home = *assembly.program.units[origin->unit].original;
    const Atom& a = u.patched->atom(p.atom);
    FirstDifference first;
    if (a.is_function()) {
        const disasm::Disassembler disassembler;
        first.original =
            instruction(disassembler, home.atom(origin->atom), home, d->second.original_offset);
        first.patched = instruction(disassembler, a, *u.patched, d->second.patched_offset);
    }
    if (auto line = assembly.lines->first_difference(assembly.program, p))
        first.line = *line;
    return first;
}

} // namespace

Json describe(const Assembly& a) {
    Json j;
    j["build_id"] = hex(a.payload.build_id);
    j["size"] = a.payload.bytes.size();
    j["partial"] = a.partial;
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
            for (const diff::OldCode& old : i.also)
                one["also_replaces"].push_back(old.name);
        }
        if (!i.old_name.empty())
            if (auto d = first_difference(a, i.place))
                one["first_difference"] = {
                    {"source", text(d->line)}, {"original", d->original}, {"patched", d->patched}};
        if (i.because >= 0)
            one["because_of"] =
                a.program.atom(a.selection.items[static_cast<std::size_t>(i.because)].place)
                    .label();
        j["contents"].push_back(std::move(one));
    }
    for (const auto& [kind, fates] : a.account.counts)
        for (auto [fate, count] : fates)
            j["account"]["counts"][kind][diff::text(fate)] = count;
    for (const diff::Accounted& e : a.account.entries)
        j["account"]["entries"].push_back(
            {{"unit", e.unit}, {"name", e.name}, {"kind", e.kind}, {"fate", diff::text(e.fate)}});
    j["line_only"] = a.selection.line_only;
    j["left_out"] = a.left_out;
    return j;
}

std::vector<std::string> explain(const Assembly& a) {
    std::vector<std::string> lines;
    for (const Included& i : a.selection.items) {
        const Atom& atom = a.program.atom(i.place);
        lines.push_back(fmt::format(
            "{:<11} {} ({}, {} bytes{}): {}", role_name(i.role), atom.label(),
            a.program.units[i.place.unit].name, atom.size,
            i.role == Role::replacement ? fmt::format(" for {}", i.old_size) : "", i.reason));
        if (i.old_name.empty())
            continue;
        if (auto d = first_difference(a, i.place)) {
            if (!d->line.file.empty())
                lines.push_back(fmt::format("              first at {}", text(d->line)));
            lines.push_back(fmt::format("              - {}", d->original));
            lines.push_back(fmt::format("              + {}", d->patched));
        }
    }
    for (const diff::Accounted& e : a.account.entries)
        if (e.fate != diff::Fate::replaced && e.fate != diff::Fate::carried
            && e.fate != diff::Fate::line_only)
            lines.push_back(
                fmt::format("{:<11} {} {} ({})", diff::text(e.fate), e.kind, e.name, e.unit));
    for (const auto& [kind, fates] : a.account.counts) {
        std::string line;
        for (auto [fate, count] : fates)
            line += fmt::format("{}{} {}", line.empty() ? "" : ", ", count, diff::text(fate));
        lines.push_back(fmt::format("account     {}: {}", kind, line));
    }
    for (const std::string& name : a.selection.line_only)
        lines.push_back(fmt::format("left out    {}: differs only in line numbers", name));
    for (const std::string& name : a.left_out)
        lines.push_back(fmt::format("left out    {}: keeps its old code, as requested", name));
    return lines;
}

std::string summary(const Assembly& a, const std::filesystem::path& output) {
    const auto replaced = std::count_if(a.selection.items.begin(), a.selection.items.end(),
                                        [](const auto& i) { return i.role == Role::replacement; });
    return fmt::format("{}: {} function{} replaced, {} bytes, build-id {}", output.string(),
                       replaced, replaced == 1 ? "" : "s", a.payload.bytes.size(),
                       hex(a.payload.build_id));
}

} // namespace xlp::report
