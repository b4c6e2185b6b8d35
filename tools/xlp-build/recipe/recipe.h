// SPDX-License-Identifier: GPL-2.0-only
// A recipe: one advisory for all branches, as facts (docs/recipes.md). No text of a patch is in it;
// that comes from the user's clone, or from a folder of patches as they were published.
#pragma once

#include "payload/base/json.h"
#include "payload/base/result.h"

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace xlp::build {

struct PublishedPatch {
    std::string file;   // "xsa480-4.17.patch", "xsa237-4.5/0001-x86.patch"
    std::string sha256; // 64 digits
};

// What an advisory means for one branch. Either the branch is not affected, or it is fixed in a
// release, or commits or patches fix it; commits and the release that brought them may both be
// known.
struct BranchFix {
    std::vector<std::string> commits;       // full ids, in the order in which they are applied
    std::vector<PublishedPatch> patches;    // as published, in order
    std::string patches_for;                // the commit that the patches were prepared for
    std::vector<std::string> prerequisites; // commits that go before, and are no fix themselves
    std::vector<std::string> needs;         // advisories that go before: "XSA-479"
    std::string fixed_in;                   // the first release that has the fix: "4.17.6"
    std::string not_affected;               // why, as a sentence
};

struct AdvisoryRecipe {
    std::filesystem::path file; // where it was read
    unsigned number = 0;        // 480 of XSA-480
    std::vector<std::string> cves;
    std::string title;
    std::string published;                     // "2026-03-17"; empty: not known
    std::string committed;                     // the day on which the first fix entered xen.git
    std::vector<std::string> concerns;         // of concern_names()
    std::map<std::string, BranchFix> branches; // "4.17"; "master"
    std::vector<std::string> config; // "CONFIG_HVM=y": settings without which nothing is to be done
    std::vector<std::string> hooks;  // sources beside the recipe that add hooks
    std::vector<std::string> xtf;    // tests of the Xen test framework
    std::vector<std::string> known;  // what else is known, a sentence each
    std::map<std::string, unsigned> branch_lines = {};

    std::string id() const { return "XSA-" + std::to_string(number); }
    std::string file_name() const { return "xsa-" + std::to_string(number) + ".json"; }
    bool touches_hypervisor() const;
};

// hypervisor, x86, arm, tools, qemu, linux, other.
const std::vector<std::string>& concern_names();

// 4.9 before 4.17, numbers before names.
bool branch_less(const std::string& a, const std::string& b);
std::vector<std::string> branch_names(const AdvisoryRecipe&); // in that order

// Errors: `file.unreadable`, `recipe.malformed`: every fault of the file, each with its line.
Result<AdvisoryRecipe> read_advisory(const std::filesystem::path& file);

// What only several recipes together show: an advisory that is there twice, one that is needed and
// missing (neither given nor beside the recipe), a cycle of those that are needed. `recipe.twice`,
// `recipe.needs`, `recipe.cycle`.
Findings check_together(const std::vector<AdvisoryRecipe>&);

// The same facts, the same bytes.
Json to_json(const AdvisoryRecipe&);
std::string recipe_text(const AdvisoryRecipe&);

} // namespace xlp::build
