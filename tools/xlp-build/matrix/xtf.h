// SPDX-License-Identifier: GPL-2.0-only
// Results of Xen Test Framework tests (docs/xtf.md) for a fix, as xlp-qa reports them.
#pragma once

#include "payload/base/json.h"
#include "payload/base/result.h"

#include <filesystem>
#include <string>
#include <vector>

namespace xlp::build {

// How a test ended: "SUCCESS", "died", ...; and one line of explanation.
struct TestEnd {
    std::string end, why;
};

struct TestResult {
    std::string test; // "xsa-454:hvm64"; "xsa-454", as in the recipe, if it did not run
    // xlp-qa's verdicts: "closed" (the only proof), "open", "not vulnerable without it", "skipped",
    // "not testable", "unclear"; or ours: "missing" (not in this XTF), "not run".
    std::string proof;
    std::string why;
    TestEnd before, applied, reverted; // empty if it did not run

    bool ran() const { return proof != "not run"; }
};

// Errors: `matrix.no-xtf` (no built XTF).
Result<void> check_xtf(const std::filesystem::path& tree);
// Whether the tree has a test, named as in a recipe: NAME[~VARIATION][:ENVIRONMENT].
bool has_test(const std::filesystem::path& tree, const std::string& test);
// The files that the results of these tests depend on.
std::vector<std::filesystem::path> test_files(const std::filesystem::path& tree,
                                              const std::vector<std::string>& tests);

// All of these tests with the same verdict.
std::vector<TestResult> without_run(const std::vector<std::string>& tests, const std::string& proof,
                                    const std::string& why);
// From the JSON of `xlp-qa run`.
std::vector<TestResult> test_results(const Json& nested);
// The evidence in it: console output of guests and hypervisor, by state.
std::string test_record(const Json& nested);

// The first test that still finds the vulnerability with the payload applied; null: none.
const TestResult* open_test(const std::vector<TestResult>&);
// "1 closed, 2 not testable"; empty if nothing ran.
std::string count_proofs(const std::vector<TestResult>&);
// "died: Xen BUG at a.c:1"
std::string words_of_end(const TestEnd&);

Json to_json(const TestResult&);
TestResult test_from_json(const Json&);

} // namespace xlp::build
