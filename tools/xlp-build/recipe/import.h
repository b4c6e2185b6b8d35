// SPDX-License-Identifier: GPL-2.0-only
// Recipes out of what is published: an advisory's text, the .meta file of an older one, xsa.json, a
// series file, a clone of xen.git. What is not understood is said, and never guessed.
#pragma once

#include "tools/xlp-build/recipe/git.h"
#include "tools/xlp-build/recipe/recipe.h"

#include <optional>
#include <utility>

namespace xlp::build {

struct ImportRequest {
    std::vector<std::filesystem::path> files; // their kind is told by what they hold
    GitImport git;                            // without a clone: not asked
    std::filesystem::path patches;            // folder of the patches as published; may be empty
    std::string newest; // "4.21": the newest stable branch at that time; empty: not known
};

struct Imported {
    std::vector<AdvisoryRecipe> recipes; // by number, one for each advisory
    Findings findings;                   // `recipe.not-understood`, with file and line
};

// Errors: a file that cannot be read or is none of these kinds (`recipe.unknown-kind`), two sources
// that contradict each other (`recipe.contradiction`), those of import_git.
Result<Imported> import_recipes(const ImportRequest&, const std::stop_token&);

// The importers of one kind each; `file` is what findings name.
struct ImportContext {
    std::filesystem::path patches;
    std::string newest;
    std::map<std::string, std::string> hashes; // by file name, of all advisories given
};
Result<Imported> import_text(const std::string& text, const std::filesystem::path& file,
                             const ImportContext&);
Result<Imported> import_meta(const std::string& text, const std::filesystem::path& file,
                             const ImportContext&);
Result<Imported> import_index(const std::string& text, const std::filesystem::path& file);
Result<Imported> import_series(const std::string& text, const std::filesystem::path& file,
                               const std::string& branch);

// The `sha256sum` block of an advisory's text, by file name.
std::map<std::string, std::string> hashes_of(const std::string& text);

// The patches that a name or a glob stands for, in the order of their names (-2 before -10), with
// their hashes: of the published list, or of the files in the folder, which must agree. Findings: a
// pattern that stands for nothing, a hash that is not known or differs (`recipe.hash`).
std::vector<PublishedPatch> find_patches(const std::string& pattern, const ImportContext&,
                                         const Where&, Findings&);

// Adds what `from` knows to `to`. Errors: `recipe.contradiction`.
Result<void> merge(AdvisoryRecipe& to, const AdvisoryRecipe& from);

// Into a new import: configuration, hooks, tests, notes, needs, and branches that it lacks.
void keep_what_was_added(AdvisoryRecipe& to, const AdvisoryRecipe& old);

// Recipes among files and folders, sorted by advisory.
std::vector<std::filesystem::path> recipe_files(const std::vector<std::string>& given);

// "XSA-480" or "XSA-191..XSA-198".
std::optional<std::pair<unsigned, unsigned>> advisory_range(const std::string& text);

} // namespace xlp::build
