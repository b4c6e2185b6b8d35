// SPDX-License-Identifier: GPL-2.0-only
#include "payload/pipeline/source_lines.h"

#include <algorithm>

namespace xlp::pipeline {

const types::Lines* SourceLines::of(const elf::Object& object) {
    auto [it, fresh] = tables_.try_emplace(&object);
    if (fresh)
        if (auto read = types::Lines::from(object))
            it->second = std::move(*read);
    return it->second ? &*it->second : nullptr;
}

std::optional<types::SourceLine> SourceLines::first_difference(const diff::Program& program,
                                                               diff::Place p) {
    const diff::Unit& u = program.units[p.unit];
    auto d = u.differences.find(p.atom);
    if (d == u.differences.end() || !program.twin(p))
        return std::nullopt;
    const types::Lines* lines = of(u.patched->object());
    if (!lines)
        return std::nullopt;
    const atom::Atom& a = u.patched->atom(p.atom);
    return lines->at(a.section, a.begin + d->second.patched_offset);
}

void SourceLines::locate(const diff::Program& program, Findings& findings) {
    for (Finding& f : findings) {
        if (f.where.line || f.where.function.empty())
            continue;
        auto unit = std::find_if(program.units.begin(), program.units.end(),
                                 [&](const diff::Unit& u) { return u.name == f.where.file; });
        if (unit == program.units.end() || !unit->patched)
            continue;
        const atom::Atom* a = unit->patched->find(f.where.function);
        if (!a)
            continue;
        const auto index = static_cast<std::size_t>(unit - program.units.begin());
        auto line = first_difference(program, {index, a->id});
        if (!line || line->file.empty())
            if (const types::Lines* lines = of(unit->patched->object()))
                line = lines->decl_line(a->name);
        if (line && !line->file.empty()) {
            f.where.source = line->file;
            f.where.line = line->line;
        }
    }
}

} // namespace xlp::pipeline
