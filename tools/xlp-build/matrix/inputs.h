// SPDX-License-Identifier: GPL-2.0-only
// All that a case of a matrix is made from, as files.
#pragma once

#include "tools/xlp-build/matrix/run.h"

namespace xlp::build {

struct CaseInputs {
    BaseHypervisor base;
    std::vector<std::filesystem::path> patches;
    std::filesystem::path probe; // program
    std::string revision;        // of the clone that the base is
    std::string key;             // of everything that the result depends on
};

// Errors: matrix.revision, matrix.probe, what the base's build says, interrupted.
Result<CaseInputs> prepare_inputs(const MatrixCase&, const Clone&, const MatrixSettings&,
                                  const std::filesystem::path& folder, const std::stop_token&);

} // namespace xlp::build
