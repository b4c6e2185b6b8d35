// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-build/matrix/inputs.h"

#include "payload/base/file.h"
#include "payload/base/hash.h"
#include "tools/common/process.h"
#include "tools/xlp-build/matrix/before.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace xlp::build {

namespace fs = std::filesystem;

namespace {

Result<void> write_commits(CaseInputs& p, const MatrixCase& c, const Clone& clone,
                           const fs::path& folder) {
    for (std::size_t i = 0; i < c.commits.size(); ++i) {
        p.patches.push_back(folder / fmt::format("{:04}.patch", i + 1));
        if (auto ok = clone.write_patch(c.commits[i], p.patches.back()); !ok)
            return ok;
    }
    return {};
}

// From the clone: the hypervisor of the base, and the commits as patches in `folder`.
Result<void> prepare_commits(CaseInputs& p, const MatrixCase& c, const Clone& clone,
                             const MatrixSettings& settings, const fs::path& folder,
                             const std::stop_token& stop) {
    if (auto ok = write_commits(p, c, clone, folder); !ok)
        return ok;
    std::string commit;
    for (const std::string& revision : c.bases) {
        auto id = clone.resolve(revision);
        if (!id)
            return fail(id);
        commit = *id;
        p.revision = revision;
        if (c.bases.size() == 1)
            break; // does not apply: then xlp-build says where
        const fs::path scratch = folder / "scratch";
        auto takes = clone.takes(commit, p.patches, scratch);
        std::error_code ignored;
        fs::remove_all(scratch, ignored);
        if (!takes)
            return fail(takes);
        if (*takes)
            break;
    }
    auto base = base_hypervisor(clone, commit, c.branch, settings, stop);
    if (!base)
        return fail(base);
    p.base = std::move(*base);
    return {};
}

// A probe in C becomes a program that needs nothing of the dom0 that it runs in. The hypervisor's
// own public headers go before those of libxen-dev, whose interface versions may be another Xen's.
Result<void> prepare_recipe(CaseInputs& p, const PatchRecipe& r, const MatrixSettings& settings,
                            const fs::path& folder, const std::stop_token& stop) {
    p.base = r.hypervisor;
    p.patches.insert(p.patches.end(), r.patches.begin(), r.patches.end());
    p.probe = r.probe;
    if (r.probe.extension() != ".c")
        return {};
    p.probe = folder / "probe";
    const fs::path headers = folder / "headers";
    if (auto ok = make_folder(headers); !ok)
        return ok;
    std::error_code error;
    fs::create_directory_symlink(fs::absolute(r.hypervisor.source) / "xen/include/public",
                                 headers / "xen", error);
    Command c;
    c.argv = words(settings.toolchain.cc);
    c.argv.insert(c.argv.end(), {"-O2", "-static", "-I", headers.string(), "-o", p.probe.string(),
                                 r.probe.string()});
    auto outcome = run_command(c, stop);
    fs::remove_all(headers, error);
    if (!outcome)
        return fail(outcome);
    if (!outcome->ok())
        return fail(environment(
            "matrix.probe", "The recipe's probe does not compile: " + outcome->err,
            "Probes may use only libxen-dev's headers.", {r.probe.string(), {}, {}, 0}));
    return {};
}

} // namespace

Result<CaseInputs> prepare_inputs(const MatrixCase& c, const Clone& clone,
                                  const MatrixSettings& settings, const fs::path& folder,
                                  const std::stop_token& stop) {
    CaseInputs p;
    if (c.recipe) {
        auto before = patches_before(c, c.recipe->hypervisor.source, clone, folder, stop);
        if (!before)
            return fail(before);
        p.patches = std::move(*before);
        if (auto ok = write_commits(p, c, clone, folder); !ok)
            return fail(ok);
    }
    if (auto ok = c.recipe ? prepare_recipe(p, *c.recipe, settings, folder, stop)
                           : prepare_commits(p, c, clone, settings, folder, stop);
        !ok)
        return fail(ok);
    if (p.base.kernel.empty())
        p.base.kernel = settings.kernel;
    std::vector<fs::path> inputs = p.patches;
    if (c.recipe)
        for (const PayloadBelow& b : c.recipe->below) {
            inputs.push_back(b.payload);
            inputs.insert(inputs.end(), b.patches.begin(), b.patches.end());
        }
    for (const fs::path& more : {settings.xlp_build, settings.xlp_qa, p.probe, p.base.xen_syms})
        if (!more.empty())
            inputs.push_back(more);
    if (!settings.xtf.empty())
        for (const fs::path& file : test_files(settings.xtf, c.xtf))
            inputs.push_back(file);
    KeyHash hash;
    for (const fs::path& input : inputs) {
        auto text = read_text(input);
        if (!text)
            return fail(text);
        hash.add(*text);
    }
    hash.add(p.base.source.string()); // of a clone: named by commit, configuration and compiler
    hash.add(p.base.kernel.string());
    hash.add(fmt::format("{} {}", p.base.cc, fmt::join(p.base.make, " ")));
    if (c.recipe)
        hash.add(fmt::format("{} {} {} {}", fmt::join(c.recipe->words, " "), c.recipe->cycles,
                             c.recipe->cpus, c.recipe->log));
    hash.add(fmt::format("{} {} {}", fmt::join(c.xtf, " "), settings.xtf.empty(),
                         settings.xen_arguments));
    p.key = hash.hex();
    return p;
}

} // namespace xlp::build
