// SPDX-License-Identifier: GPL-2.0-only
// What must be applied before a fix: its prerequisites, and the fixes of the advisories it needs.
// What a base already has is left out.
#pragma once

#include "tools/xlp-build/matrix/cases.h"
#include "tools/xlp-build/recipe/recipe.h"

#include <map>

namespace xlp::build {

// Recipes by advisory: those given, and others in the same directory.
class RecipesBeside {
public:
    explicit RecipesBeside(const std::vector<AdvisoryRecipe>& given); // must outlive this
    explicit RecipesBeside(std::vector<AdvisoryRecipe>&&) = delete;
    // The commits to apply before `fix`, in order, each once. Errors:
    // those of read_advisory(); `recipe.cycle`; `recipe.needs` (a recipe lacks the branch).
    Result<std::vector<std::string>> before(const AdvisoryRecipe& recipe, const BranchFix& fix,
                                            const std::string& branch);

private:
    Result<const AdvisoryRecipe*> find(const std::string& id, const AdvisoryRecipe& from);
    Result<std::vector<std::string>> collect(const AdvisoryRecipe&, const BranchFix&,
                                             const std::string& branch);

    std::map<std::string, const AdvisoryRecipe*> given_;
    std::map<std::string, AdvisoryRecipe> read_;
    std::vector<std::string> way_; // the recipes whose needs are being followed
};

// Whether a source already has all of these: each can be reverted.
Result<bool> has_already(const std::filesystem::path& source,
                         const std::vector<std::filesystem::path>& patches, const std::stop_token&);

// The commits of `before` that the base lacks, as patches in `folder`.
Result<std::vector<std::filesystem::path>>
patches_before(const MatrixCase&, const std::filesystem::path& source, const Clone&,
               const std::filesystem::path& folder, const std::stop_token&);

// `patches` without those whose content is also in `there`.
std::vector<std::filesystem::path> without(const std::vector<std::filesystem::path>& patches,
                                           const std::vector<std::filesystem::path>& there);

} // namespace xlp::build
