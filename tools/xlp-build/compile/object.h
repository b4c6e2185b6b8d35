// SPDX-License-Identifier: GPL-2.0-only
// One unit through the compiler, by Xen's own recipe.
#pragma once

#include "payload/base/result.h"
#include "tools/xlp-build/xenbuild/prepare.h"
#include "tools/xlp-build/xenbuild/recipes.h"

#include <filesystem>
#include <stop_token>
#include <string>

namespace xlp::build {

enum class Sections {
    split,  // one for each function and datum, even where Xen's own build does not do so
            // (before 4.17)
    as_xen, // as Xen's own build has them
};
// Whether the two differ.
bool splits_sections(const Recipe&);

// Compiles to `object`, which appears only when complete. To the recipe are added: debug
// information (it changes no code), the splitting of sections, and the mapping of the tree's path
// to "." so that it leaks into nothing. Errors: `compile.failed` with the compiler's first message
// and its place, interrupted.
Result<void> compile_object(const Recipe&, const std::filesystem::path& tree,
                            const std::filesystem::path& object, const Toolchain&,
                            const std::stop_token& stop, Sections = Sections::split);

// The text that the compiler proper would see, without line markers, and with 0 for every __LINE__:
// two that are equal compile to the same code but for line numbers. Errors as above.
Result<std::string> preprocess(const Recipe&, const std::filesystem::path& tree, const Toolchain&,
                               const std::stop_token& stop);

} // namespace xlp::build
