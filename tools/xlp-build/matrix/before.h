// SPDX-License-Identifier: GPL-2.0-only
// What goes before a fix: its prerequisites, and the fixes of the advisories that it needs. A base
// has some of these already, and those are left out.
#pragma once

#include "tools/xlp-build/matrix/cases.h"
#include "tools/xlp-build/recipe/recipe.h"

#include <map>

namespace xlp::build {

// Recipes by advisory: those given, and those that lie beside them.
class RecipesBeside {
public:
    explicit RecipesBeside(const std::vector<AdvisoryRecipe>& given); // which has to stay
    explicit RecipesBeside(std::vector<AdvisoryRecipe>&&) = delete;
    // The commits that go before `fix`, in the order in which they are applied, each once. Errors:
    // those of read_advisory().
    Result<std::vector<std::string>> before(const AdvisoryRecipe& recipe, const BranchFix& fix,
                                            const std::string& branch);

private:
    Result<const AdvisoryRecipe*> find(const std::string& id, const AdvisoryRecipe& from);

    std::map<std::string, const AdvisoryRecipe*> given_;
    std::map<std::string, AdvisoryRecipe> read_;
};

// Whether a source has all of these already: each can be taken out of it again.
Result<bool> has_already(const std::filesystem::path& source,
                         const std::vector<std::filesystem::path>& patches, const std::stop_token&);

// What of `before` the base lacks, as patches in `folder`.
Result<std::vector<std::filesystem::path>>
patches_before(const MatrixCase&, const std::filesystem::path& source, const Clone&,
               const std::filesystem::path& folder, const std::stop_token&);

// `patches` without those whose text one of `there` has.
std::vector<std::filesystem::path> without(const std::vector<std::filesystem::path>& patches,
                                           const std::vector<std::filesystem::path>& there);

} // namespace xlp::build
