// SPDX-License-Identifier: GPL-2.0-only
#include "payload/pipeline/assemble.h"

#include "payload/base/parallel.h"
#include "payload/pipeline/prove.h"
#include "payload/report/explain.h"

#include <algorithm>

namespace xlp::build {

namespace {

Result<void> read_side(const std::filesystem::path& path, xen::Version version,
                       std::optional<atom::Module>& out) {
    if (path.empty())
        return {};
    auto object = elf::Object::read(path);
    if (!object)
        return fail(object);
    auto module = atom::Module::from(std::move(*object), version);
    if (!module)
        return fail(module);
    out = std::move(*module);
    return {};
}

Result<diff::Unit> read_unit(const ObjectPair& pair, xen::Version version) {
    diff::Unit u;
    u.name = pair.name;
    u.source = pair.source;
    if (auto ok = read_side(pair.original, version, u.original); !ok)
        return fail(ok);
    if (auto ok = read_side(pair.patched, version, u.patched); !ok)
        return fail(ok);
    return u;
}

// Compiles the units that may differ by line numbers only once more, with stable lines.
Result<void> add_stable(diff::Program& program, const std::vector<ObjectPair>& pairs,
                        xen::Version version, const AssembleOptions& options) {
    if (!options.compile_stable)
        return {};
    bool any = false;
    for (diff::Unit& u : program.units) {
        if (!diff::wants_stable_lines(u))
            continue;
        auto pair = std::find_if(pairs.begin(), pairs.end(),
                                 [&](const ObjectPair& p) { return p.name == u.name; });
        auto path = options.compile_stable(*pair);
        if (!path)
            return fail(path);
        if (auto ok = read_side(*path, version, u.stable); !ok)
            return ok;
        any |= u.stable.has_value();
    }
    if (any)
        program.compare_units();
    return {};
}

// The module of the original with Xen's own sections, where that is another.
WholeModules whole_modules(const diff::Program& program, const std::vector<ObjectPair>& pairs,
                           xen::Version version, const AssembleOptions& options) {
    if (!options.compile_whole)
        return {};
    return [&program, &pairs, version,
            &options](std::size_t unit) -> Result<std::optional<atom::Module>> {
        std::optional<atom::Module> module;
        const auto pair = std::find_if(pairs.begin(), pairs.end(), [&](const ObjectPair& p) {
            return p.name == program.units[unit].name;
        });
        auto path = options.compile_whole(*pair);
        if (!path)
            return fail(path);
        if (auto ok = read_side(*path, version, module); !ok)
            return fail(ok);
        return module;
    };
}

} // namespace

Result<diff::Program> read_program(const std::vector<ObjectPair>& pairs, xen::Version version,
                                   unsigned jobs) {
    diff::Program program;
    program.units.resize(pairs.size());
    auto read = for_each(pairs.size(), jobs, {}, [&](std::size_t i) -> Result<void> {
        auto unit = read_unit(pairs[i], version);
        if (!unit)
            return fail(unit);
        program.units[i] = std::move(*unit);
        return {};
    });
    if (!read)
        return fail(read);
    program.compare_units();
    return program;
}

Result<Assembly> assemble(const std::vector<ObjectPair>& pairs, const xen::Image& image,
                          const AssembleOptions& options) {
    auto program = read_program(pairs, image.version(), options.jobs);
    if (!program)
        return fail(program);
    if (auto ok = add_stable(*program, pairs, image.version(), options); !ok)
        return fail(ok);
    Assembly a;
    a.program = std::move(*program);
    a.left_out = options.left_out;
    a.findings = a.program.leave_out(a.left_out);
    const diff::Binder binder(a.program, image);
    a.selection = diff::select(a.program, binder);
    append(a.findings, a.selection.findings);
    auto old_code = check_old_code(a.program, a.selection, image,
                                   whole_modules(a.program, pairs, image.version(), options));
    if (!old_code)
        return fail(old_code);
    append(a.findings, std::move(old_code->findings));
    append(a.findings, check_types(a.program, a.selection, image, options.jobs));
    append(a.findings, check_readers(a.program, a.selection, image));
    Explainer(a.program).locate(a.findings);
    options.allowances.apply(a.findings);
    if (has_errors(a.findings))
        return fail(std::move(a.findings));
    emit::Options emit_options;
    emit_options.depends = options.depends.empty() ? image.build_id() : options.depends;
    emit_options.modinfo = options.modinfo;
    emit_options.expectations = std::move(old_code->expectations);
    auto payload = emit::emit(a.program, a.selection, binder, emit_options);
    if (!payload) {
        append(a.findings, std::move(payload.error()));
        return fail(std::move(a.findings));
    }
    a.payload = std::move(*payload);
    append(a.findings, check_payload(a.payload.bytes, options.name, image));
    options.allowances.apply(a.findings);
    if (has_errors(a.findings))
        return fail(std::move(a.findings));
    return a;
}

} // namespace xlp::build
