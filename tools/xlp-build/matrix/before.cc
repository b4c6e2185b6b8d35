// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-build/matrix/before.h"

#include "payload/base/file.h"
#include "tools/common/process.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <set>

namespace xlp::build {

namespace fs = std::filesystem;

namespace {

void add_once(std::vector<std::string>& to, const std::vector<std::string>& more) {
    for (const std::string& m : more)
        if (std::find(to.begin(), to.end(), m) == to.end())
            to.push_back(m);
}

} // namespace

RecipesBeside::RecipesBeside(const std::vector<AdvisoryRecipe>& given) {
    for (const AdvisoryRecipe& r : given)
        given_.emplace(r.id(), &r);
}

Result<const AdvisoryRecipe*> RecipesBeside::find(const std::string& id,
                                                  const AdvisoryRecipe& from) {
    if (auto it = given_.find(id); it != given_.end())
        return it->second;
    auto it = read_.find(id);
    if (it == read_.end()) {
        auto r = read_advisory(from.file.parent_path() / ("xsa-" + id.substr(4) + ".json"));
        if (!r)
            return fail(r);
        it = read_.emplace(id, std::move(*r)).first;
    }
    return &it->second;
}

Result<std::vector<std::string>> RecipesBeside::before(const AdvisoryRecipe& recipe,
                                                       const BranchFix& fix,
                                                       const std::string& branch) {
    way_ = {recipe.id()};
    return collect(recipe, fix, branch);
}

Result<std::vector<std::string>> RecipesBeside::collect(const AdvisoryRecipe& recipe,
                                                        const BranchFix& fix,
                                                        const std::string& branch) {
    std::vector<std::string> commits;
    for (const std::string& id : fix.needs) {
        if (std::find(way_.begin(), way_.end(), id) != way_.end())
            return fail(bad_input("recipe.cycle",
                                  fmt::format("On branch {}, these need each other in a cycle: {}.",
                                              branch, fmt::join(way_, ", ")),
                                  {}, {recipe.file.string(), {}, {}, 0}));
        auto needed = find(id, recipe);
        if (!needed)
            return fail(needed);
        auto its = (*needed)->branches.find(branch);
        if (its == (*needed)->branches.end())
            return fail(bad_input("recipe.needs",
                                  fmt::format("It needs {} on {}, and that recipe does not have "
                                              "this branch.",
                                              id, branch),
                                  "Add the branch to that recipe, or list the commits as "
                                  "prerequisites here.",
                                  {recipe.file.string(), {}, {}, 0}));
        way_.push_back(id);
        auto first = collect(**needed, its->second, branch);
        way_.pop_back();
        if (!first)
            return first;
        add_once(commits, *first);
        add_once(commits, its->second.commits);
    }
    add_once(commits, fix.prerequisites);
    return commits;
}

Result<bool> has_already(const fs::path& source, const std::vector<fs::path>& patches,
                         const std::stop_token& stop) {
    for (const fs::path& patch : patches) {
        Command c;
        c.argv = {"patch", "--dry-run",
                  "-R",    "-p1",
                  "-F0",   "-f",
                  "-d",    source.string(),
                  "-i",    fs::absolute(patch).string()};
        auto outcome = run_command(c, stop);
        if (!outcome)
            return fail(outcome);
        if (!outcome->ok())
            return false;
    }
    return !patches.empty();
}

// History also knows commits that a later one changed again; only the source shows patches that
// somebody added to it.
Result<std::vector<fs::path>> patches_before(const MatrixCase& c, const fs::path& source,
                                             const Clone& clone, const fs::path& folder,
                                             const std::stop_token& stop) {
    std::vector<fs::path> patches;
    for (std::size_t i = 0; i < c.before.size(); ++i) {
        if (!c.built_from.empty() && clone.contains(c.built_from, c.before[i]))
            continue;
        const fs::path patch = folder / fmt::format("before-{:04}.patch", i + 1);
        if (auto ok = clone.write_patch(c.before[i], patch); !ok)
            return fail(ok);
        auto has = has_already(source, {patch}, stop);
        if (!has)
            return fail(has);
        if (!*has)
            patches.push_back(patch);
    }
    return patches;
}

std::vector<fs::path> without(const std::vector<fs::path>& patches,
                              const std::vector<fs::path>& there) {
    std::set<std::string> texts;
    for (const fs::path& path : there)
        texts.insert(read_text(path).value_or(""));
    std::vector<fs::path> left;
    for (const fs::path& path : patches)
        if (auto text = read_text(path); !text || !texts.contains(*text))
            left.push_back(path);
    return left;
}

} // namespace xlp::build
