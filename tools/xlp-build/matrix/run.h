// SPDX-License-Identifier: GPL-2.0-only
// One fix of a matrix, from the clone to the verdict of a real hypervisor.
#pragma once

#include "payload/base/json.h"
#include "tools/common/cli.h"
#include "tools/xlp-build/matrix/cases.h"
#include "tools/xlp-build/matrix/xtf.h"
#include "tools/xlp-build/xenbuild/prepare.h"

#include <functional>

namespace xlp::build {

struct MatrixSettings {
    std::filesystem::path output;                        // folder of the results
    std::filesystem::path cache;                         // of sources, hypervisors, objects
    std::map<std::string, std::filesystem::path> config; // by branch; "" for the others
    Toolchain toolchain;
    std::filesystem::path xlp_build; // this program
    std::filesystem::path xlp_qa;    // empty: no hypervisor is asked
    std::filesystem::path kernel;    // of its dom0, where a branch has none of its own
    std::filesystem::path xtf;       // a built XTF; empty: no test of it is run
    std::string xen_arguments;       // for the hypervisor in nested runs
    std::function<void(const std::string&)> progress;
};

// What became of one fix.
struct MatrixRow {
    MatrixCase about;
    std::string base; // the one of about.bases that it was put on; empty for a recipe
    // "payload", "refused" (cannot be live-patched), "fixed" (in this base), "not affected",
    // "nothing known", "does not apply"; anything else is a failure
    std::string verdict;
    std::vector<std::string> codes; // of the refusals, each once
    std::string why;                // of the first of them that is more than code run at boot
    unsigned functions = 0;         // replaced
    std::uint64_t size = 0;         // of the payload, bytes
    std::string nested;             // "passed", "failed at apply xsa480", "" where not run
    std::vector<TestResult> xtf;    // the recipe's tests; what is no proof is said to be none
    double build_seconds = 0, nested_seconds = 0; // wall clock
    // not in the tables: where the payload is, and what it was built from
    std::filesystem::path payload;
    std::vector<std::filesystem::path> patches;

    bool good() const;
};

// The hypervisor that a fix goes on top of, built as a whole from a commit of the clone, once for
// each commit and configuration.
Result<BaseHypervisor> base_hypervisor(const Clone&, const std::string& commit,
                                       const std::string& branch, const MatrixSettings&,
                                       const std::stop_token&);

// Builds the payload and has it tried; what was done before with the same inputs, and did not fail,
// is read from the output folder instead. A fix that cannot be tried at all (its base does not
// build) is a row with verdict "no base". Errors: interrupted, output that cannot be written.
Result<MatrixRow> run_case(const MatrixCase&, const Clone&, const MatrixSettings&,
                           const std::stop_token&);

// Without times: the same inputs give the same document.
Json to_json(const MatrixRow&);
MatrixRow row_from_json(const Json&);
// table.json, table.csv, table.md, atlas.md, junit.xml and index.html, sorted; and times.csv, which
// differs from run to run.
Result<void> write_tables(const std::filesystem::path& folder, std::vector<MatrixRow>);

// What a cell of the page says, and the class that gives it its colour.
std::pair<std::string, const char*> words_of(const MatrixRow&);
// What people read, in one file that needs no other: rows by fix, columns by branch or base.
std::string page(const std::vector<MatrixRow>&);
// Markdown: totals per base, fixes by base, and the reasons for what is not a payload.
std::string atlas(const std::vector<MatrixRow>&);
std::string junit(const std::vector<MatrixRow>&);

// The rows of the table.json of each folder, as one list. Errors: `matrix.merge` (no table; two
// that say different things of one cell).
Result<std::vector<MatrixRow>> merge_tables(const std::vector<std::filesystem::path>& folders);

} // namespace xlp::build
