// SPDX-License-Identifier: GPL-2.0-only
// xlp-build recipe: advisories as facts: checked, listed, and made from what is published.
#include "tools/xlp-build/recipe/recipe.h"
#include "payload/base/file.h"
#include "payload/base/json.h"
#include "tools/common/interrupt.h"
#include "tools/xlp-build/recipe/import.h"
#include "tools/xlp-build/verbs/verbs.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

namespace xlp::build {

namespace fs = std::filesystem;
namespace po = cli::po;
using cli::strings;
using cli::text;

namespace {

using Strings = std::vector<std::string>;

// All recipes of files and folders, and every fault of all of them.
std::vector<AdvisoryRecipe> read_all(const Strings& given, Findings& findings) {
    std::vector<AdvisoryRecipe> recipes;
    for (const fs::path& file : recipe_files(given)) {
        auto r = read_advisory(file);
        if (r)
            recipes.push_back(std::move(*r));
        else
            append(findings, std::move(r.error()));
    }
    append(findings, check_together(recipes));
    return recipes;
}

Result<void> check(const po::variables_map& vm, const cli::Output& out, Json& doc,
                   Findings& findings) {
    InterruptGuard guard;
    const Strings given = strings(vm, "file");
    if (given.empty())
        return fail(wrong_usage("recipe check takes recipes, or directories of them."));
    const auto recipes = read_all(given, findings);
    if (vm.count("git"))
        for (const AdvisoryRecipe& r : recipes)
            append(findings, check_commits(r, text(vm, "git"), guard.token()));
    doc["recipes"] = recipes.size();
    if (has_errors(findings))
        return {};
    if (recipes.empty())
        return fail(bad_input("recipe.none", "It contains no recipes.",
                              "Recipes are files named xsa-NNN.json.", {given.front(), {}, {}, 0}));
    out.text(fmt::format("{} recipe{}, no errors", recipes.size(), recipes.size() == 1 ? "" : "s"));
    return {};
}

std::string branch_word(const std::string& name, const BranchFix& fix) {
    if (!fix.not_affected.empty())
        return name + " not affected";
    if (!fix.patches.empty() && fix.commits.empty())
        return fmt::format("{} {} patches", name, fix.patches.size());
    return fix.fixed_in.empty() ? name + " in no release" : fix.fixed_in;
}

Result<void> list(const po::variables_map& vm, const cli::Output& out, Json& doc,
                  Findings& findings) {
    Strings given = strings(vm, "file");
    if (given.empty())
        given = {"."};
    auto recipes = read_all(given, findings);
    std::sort(recipes.begin(), recipes.end(),
              [](const auto& a, const auto& b) { return a.number < b.number; });
    doc["recipes"] = Json::array();
    for (const AdvisoryRecipe& r : recipes) {
        doc["recipes"].push_back(to_json(r));
        Strings branches;
        for (const std::string& name : branch_names(r))
            branches.push_back(branch_word(name, r.branches.at(name)));
        out.text(fmt::format("{:<8} {:<11} {:<18} {}", r.id(),
                             r.published.empty() ? r.committed : r.published,
                             fmt::format("{}", fmt::join(r.concerns, ",")), r.title));
        out.text(fmt::format("         fixed in {}", fmt::join(branches, ", ")));
    }
    return {};
}

// What is there already is kept where an import does not say otherwise: what people added.
Result<void> write_recipe(const fs::path& folder, AdvisoryRecipe r, bool replace) {
    const fs::path file = folder / r.file_name();
    std::error_code error;
    if (!replace && fs::exists(file, error)) {
        auto old = read_advisory(file);
        if (!old)
            return fail(old);
        keep_what_was_added(r, *old);
    }
    return write_file(file, recipe_text(r));
}

Result<ImportRequest> request_of(const po::variables_map& vm) {
    ImportRequest request;
    for (const std::string& f : strings(vm, "file"))
        request.files.emplace_back(f);
    request.git.clone = text(vm, "git");
    request.git.since = text(vm, "since");
    request.git.branches = strings(vm, "branch");
    request.patches = text(vm, "patches");
    request.newest = text(vm, "newest");
    for (const std::string& given : strings(vm, "advisory")) {
        auto range = advisory_range(given);
        if (!range)
            return fail(wrong_usage(
                fmt::format("--advisory takes XSA-480, or XSA-191..XSA-198, not `{}'.", given)));
        for (unsigned n = range->first; n <= range->second; ++n)
            request.git.advisories.insert(n);
    }
    if (request.files.empty() && request.git.clone.empty())
        return fail(wrong_usage("recipe import takes published files, or --git."));
    return request;
}

Result<void> import(const po::variables_map& vm, const cli::Output& out, Json& doc,
                    Findings& findings) {
    InterruptGuard guard;
    auto request = request_of(vm);
    if (!request)
        return fail(request);
    auto imported = import_recipes(*request, guard.token());
    if (!imported)
        return fail(imported);
    append(findings, std::move(imported->findings));
    if (vm.count("hypervisor")) // also what a text alone does not say
        std::erase_if(imported->recipes, [](const AdvisoryRecipe& r) {
            return !r.concerns.empty() && !r.touches_hypervisor();
        });
    doc["recipes"] = Json::array();
    const fs::path folder = text(vm, "output");
    if (!folder.empty())
        if (auto ok = make_folder(folder); !ok)
            return ok;
    for (const AdvisoryRecipe& r : imported->recipes) {
        doc["recipes"].push_back(to_json(r));
        if (folder.empty())
            out.text(to_json(r).dump(4));
        else if (auto ok = write_recipe(folder, r, vm.count("replace") != 0); !ok)
            return ok;
    }
    if (!folder.empty())
        out.text(fmt::format("{} recipes in {}", imported->recipes.size(), folder.string()));
    return {};
}

Result<void> run_recipe(const po::variables_map& vm, const cli::Output& out, Json& doc,
                        Findings& findings) {
    const std::string action = text(vm, "action");
    if (action == "check")
        return check(vm, out, doc, findings);
    if (action == "list")
        return list(vm, out, doc, findings);
    if (action == "import")
        return import(vm, out, doc, findings);
    return fail(wrong_usage(fmt::format("recipe takes check, list or import, not `{}'.", action)));
}

} // namespace

cli::Verb recipe_verb() {
    cli::Verb v;
    v.name = "recipe";
    v.arguments = "check|list|import [FILE|DIR...]";
    v.summary =
        "manage recipes (advisories as data): check, list, or import them from published files";
    v.positional = {"action", "file..."};
    const auto many = [] { return po::value<Strings>(); };
    const auto one = [] { return po::value<std::string>(); };
    v.options.add_options()("action", one()->required(), "")("file", many(), "")(
        "git", one()->value_name("DIR"), "a clone of xen.git; never modified")(
        "branch", many()->value_name("X.Y"),
        "import: only these branches (repeatable; default: 4.17 and later)")(
        "advisory", many()->value_name("XSA-N[..XSA-M]"),
        "import --git: only these advisories (repeatable)")(
        "since", one()->default_value("2016-01-01")->value_name("DAY"),
        "import --git: commits on master since this day")(
        "hypervisor", "import: only advisories that affect the hypervisor, or may")(
        "patches", one()->value_name("DIR"),
        "import: directory of the patches as published, to hash or to check")(
        "newest", one()->value_name("X.Y"),
        "import: the newest stable branch when the advisory was published, for `xen-unstable - Xen "
        "X.Y.x'")("output,o", one()->value_name("DIR"),
                  "import: write DIR/xsa-NNN.json (default: print)")(
        "replace", "import: discard manual additions to existing recipes");
    v.examples = "  xlp-build recipe check xen-patches/recipes --git xen.git\n"
                 "  xlp-build recipe import --git xen.git --advisory XSA-480 -o recipes\n"
                 "  xlp-build recipe import advisory-494.txt --patches xsa494 -o recipes\n";
    v.run = run_recipe;
    return v;
}

} // namespace xlp::build
