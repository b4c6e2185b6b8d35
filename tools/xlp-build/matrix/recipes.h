// SPDX-License-Identifier: GPL-2.0-only
// Recipes (xen-patches/README.md) and the branches that they are for (ci/README.md): what a matrix
// consists of where hypervisor and source are there, and not built from a clone.
#pragma once

#include "tools/xlp-build/matrix/cases.h"

#include <map>

namespace xlp::build {

using Branches = std::map<std::string, BaseHypervisor>;

// The branches of a list whose files are there, `files` taken below `folders[NAME]`, or else below
// `folders[""]`, or else beside the list. A branch without `files` is left out. Errors:
// `matrix.branches` (malformed; a folder was named for the branch, and a file is missing in it).
Result<Branches> read_branches(const std::filesystem::path& list,
                               const std::map<std::string, std::filesystem::path>& folders);

// A recipe's folder, for the branch that it names. Errors: `matrix.recipe` (malformed, a file
// missing, a branch that is not among these).
Result<MatrixCase> read_recipe(const std::filesystem::path& folder, const Branches&);

} // namespace xlp::build
