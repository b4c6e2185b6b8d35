// SPDX-License-Identifier: GPL-2.0-only
// Old and new code side by side: the original image with the payload in effect, and the image of
// the patched program, both mapped into a child process and called with the same arguments.
#pragma once

#include "state.h"

#include "payload/load/model.h"

#include <string>
#include <vector>

namespace xlp::generator {

struct Subject {
    std::uint64_t seed = 0;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> entries; // in the old image, in the new
    std::vector<std::string> entry_names;
    std::vector<Piece> pieces;
    const Program* before = nullptr;
    const Program* after = nullptr;
    bool warm = true; // old code runs before the patch is applied
};

struct Verdict {
    enum class Kind { good, undetermined, differs, crash };
    Kind kind = Kind::good;
    std::string text;
};

// One verdict a subject. `loaded` is null where nothing is to be applied.
std::vector<Verdict> run_side_by_side(const xen::Image& before, const load::Loaded* loaded,
                                      const xen::Image& after,
                                      const std::vector<Subject>& subjects);

} // namespace xlp::generator
