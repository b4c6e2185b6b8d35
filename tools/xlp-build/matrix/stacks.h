// SPDX-License-Identifier: GPL-2.0-only
// What can be built of the payloads of one base together.
#pragma once

#include "tools/xlp-build/matrix/run.h"

namespace xlp::build {

struct Stacks {
    bool chain = false;      // each payload once more, on top of those before it
    bool cumulative = false; // one payload of all fixes, which supersedes the others
    // Folders and files of payloads that were published before: those for the same hypervisor are
    // superseded as well.
    std::vector<std::filesystem::path> published = {};
};

// Runs the further cases of each branch, after its single ones, in the order of `rows`, and adds
// their rows: `chain-NAME` of each payload but the first, and `cumulative`. What was refused alone
// is in neither; patches that apply alone and not together are a failure ("conflicts"). Branches
// whose fixes have bases of their own have no stacks. Errors: as run_case().
Result<void> run_stacks(std::vector<MatrixRow>& rows, const Stacks&, const Clone&,
                        const MatrixSettings&, const std::stop_token&);

} // namespace xlp::build
