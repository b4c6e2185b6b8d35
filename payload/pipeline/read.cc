// SPDX-License-Identifier: GPL-2.0-only
// The first passes: from objects on disk to what became of every atom.
#include "payload/base/parallel.h"
#include "payload/pipeline/passes.h"

#include <algorithm>
#include <fmt/format.h>
#include <set>

namespace xlp::pipeline {

namespace {

Result<std::optional<atom::Module>> read_side(const std::filesystem::path& path,
                                              const xen::Image& image, const std::string& source) {
    std::optional<atom::Module> module;
    if (path.empty())
        return module;
    auto read = read_module(path, image, source);
    if (!read)
        return fail(read);
    module = std::move(*read);
    return module;
}

Result<diff::Unit> read_unit(const ObjectPair& pair, const xen::Image& image) {
    auto original = read_side(pair.original, image, pair.source);
    auto patched = read_side(pair.patched, image, pair.source);
    for (auto* side : {&original, &patched})
        if (!*side)
            return fail(*side);
    diff::Unit u;
    u.name = pair.name;
    u.source = pair.source;
    u.original = std::move(*original);
    u.patched = std::move(*patched);
    return u;
}

} // namespace

Result<atom::Module> read_module(const std::filesystem::path& path, const xen::Image& image,
                                 const std::string& source) {
    auto object = elf::Object::read(path);
    if (!object)
        return fail(object);
    auto module = atom::Module::from(std::move(*object), image.version(), source);
    if (module)
        module->rename_files([&](std::string_view file) { return image.file_name(file); });
    return module;
}

Result<void> read(Context& c) {
    c.program.units.resize(c.pairs.size());
    return for_each(c.pairs.size(), c.options.jobs, {}, [&](std::size_t i) -> Result<void> {
        auto unit = read_unit(c.pairs[i], c.image);
        if (!unit)
            return fail(unit);
        c.program.units[i] = std::move(*unit);
        return {};
    });
}

namespace {

std::set<std::string_view> function_names(const atom::Module& m) {
    std::set<std::string_view> names;
    for (const atom::Atom& a : m.atoms())
        if (a.is_function() && !a.anonymous())
            names.insert(a.name);
    return names;
}

// Most functions of each are in the other as well.
bool alike(const atom::Module& a, const atom::Module& b) {
    const auto x = function_names(a), y = function_names(b);
    const auto common = static_cast<std::size_t>(
        std::count_if(x.begin(), x.end(), [&](auto name) { return y.contains(name); }));
    return 2 * common > std::max(x.size(), y.size());
}

} // namespace

Result<void> unite_renamed(Context& c) {
    auto& units = c.program.units;
    for (diff::Unit& now : units) {
        if (now.original || !now.patched)
            continue;
        const auto before = std::find_if(units.begin(), units.end(), [&](const diff::Unit& u) {
            return u.original && !u.patched && alike(*u.original, *now.patched);
        });
        if (before == units.end())
            continue;
        now.original = std::move(before->original);
        now.renamed_from = before->name;
        before->original.reset();
        c.findings.push_back(
            note("select.renamed",
                 fmt::format("The patch renames {} to {}.",
                             before->source.empty() ? before->name : before->source,
                             now.source.empty() ? now.name : now.source),
                 {}, {now.name, {}, now.source, 0}));
    }
    std::erase_if(units, [](const diff::Unit& u) { return !u.original && !u.patched; });
    return {};
}

Result<void> compare(Context& c) {
    c.program.bound = c.options.bound;
    c.program.compare_units();
    return {};
}

Result<void> ask_for_stable_lines(Context& c) {
    for (const diff::Unit& u : c.program.units)
        if (diff::wants_stable_lines(u))
            c.needs.push_back({u.name, Need::Kind::stable_lines});
    return {};
}

Result<void> compare_stable_lines(Context& c) {
    bool any = false;
    for (diff::Unit& u : c.program.units)
        if (auto it = c.supplied.find({u.name, Need::Kind::stable_lines}); it != c.supplied.end()) {
            u.stable = std::move(it->second);
            any = true;
        }
    if (any)
        c.program.compare_units();
    return {};
}

} // namespace xlp::pipeline
