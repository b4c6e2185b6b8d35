// SPDX-License-Identifier: GPL-2.0-only
// Recipes out of xen.git: which commits say that they are an advisory's ("This is XSA-480 /
// CVE-2026-23554", "This is part of XSA-456"), on which branch, and in which release first.
#pragma once

#include "tools/xlp-build/recipe/recipe.h"

#include <set>
#include <stop_token>

namespace xlp::build {

// What a commit's message says of advisories.
struct Naming {
    std::set<unsigned> advisories; // that it is, or is part of
    std::set<std::string> cves;    // that it is
    std::set<unsigned> mentioned;  // named in some other way: not taken for a fix
};
Naming read_naming(const std::string& message);

// What the files of a fix say that the advisory concerns: `hypervisor', `x86', `arm', `tools',
// `other'.
std::vector<std::string> concerns_of(const std::set<std::string>& files);

struct GitImport {
    std::filesystem::path clone;       // only read
    std::vector<std::string> branches; // "4.17"; empty: all stable-* from 4.17 on
    std::set<unsigned> advisories;     // empty: all
    std::string since;                 // "2022-01-01": of commits that are looked at
};

struct GitImported {
    std::vector<AdvisoryRecipe> recipes; // by number
    Findings findings;                   // what was not understood: a CVE without an advisory
};

// Errors: `recipe.clone` (no clone of Xen, a branch that it lacks), interrupted.
Result<GitImported> import_git(const GitImport&, const std::stop_token&);

// Whether the commits of a recipe are in the clone, and on their branch. `recipe.commit`,
// `recipe.clone`.
Findings check_commits(const AdvisoryRecipe&, const std::filesystem::path& clone,
                       const std::stop_token&);

} // namespace xlp::build
