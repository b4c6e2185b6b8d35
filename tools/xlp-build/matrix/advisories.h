// SPDX-License-Identifier: GPL-2.0-only
// Recipes x bases: one case for each, those that need no build decided already.
#pragma once

#include "tools/xlp-build/base/base.h"
#include "tools/xlp-build/matrix/cases.h"
#include "tools/xlp-build/recipe/recipe.h"

#include <optional>

namespace xlp::build {

// `clone` says whether commits can be had; `patches` is the folder of patches as published, which
// are checked by hash. Errors: `matrix.patches`: every patch that is missing or differs, and every
// recipe whose text cannot be had.
Result<std::vector<MatrixCase>> advisory_cases(const std::vector<AdvisoryRecipe>&,
                                               const std::vector<Base>&, bool clone,
                                               const std::filesystem::path& patches);

struct Shard {
    std::size_t number = 1, of = 1;
};
// "2/3"; nothing for anything else.
std::optional<Shard> parse_shard(const std::string&);
// The part of the cases that a shard does: every N-th, in the order of their names.
std::vector<MatrixCase> part_of(std::vector<MatrixCase>, Shard);

} // namespace xlp::build
