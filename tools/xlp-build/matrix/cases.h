// SPDX-License-Identifier: GPL-2.0-only
// What a matrix consists of: fixes, each as commits of a branch and the revision that they go on
// top of, or as a recipe for a hypervisor whose files are there.
#pragma once

#include "payload/base/result.h"
#include "tools/common/process.h"

#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace xlp::build {

// A hypervisor and what it was built from.
struct BaseHypervisor {
    std::filesystem::path source, config, xen_syms, xen;
    std::filesystem::path kernel;  // of its dom0; may be empty
    std::string cc;                // empty: that of the settings
    std::vector<std::string> make; // variables of Xen's make
};

struct PayloadBelow {
    std::filesystem::path payload;
    std::vector<std::filesystem::path> patches; // that it was built from
};

struct PatchRecipe {
    BaseHypervisor hypervisor;
    std::vector<std::filesystem::path> patches;
    std::vector<std::string> words; // further arguments of `xlp-build payload`
    std::filesystem::path probe;    // C source or shell script; may be empty
    unsigned cycles = 2, cpus = 1;
    std::string log;                      // what the hypervisor must have logged; may be empty
    std::vector<PayloadBelow> below = {}; // that this one goes on top of, from the bottom up
};

struct MatrixCase {
    std::string branch;               // "4.17"
    std::string name;                 // "xsa480"
    std::vector<std::string> commits; // in the order in which they are applied
    // Revisions to put them on top of ("RELEASE-4.17.0", "c35a2dcd3892^"): the first that takes
    // them.
    std::vector<std::string> bases;
    // Instead of bases: a hypervisor whose files are there. Commits, if any, go before its patches.
    std::optional<PatchRecipe> recipe{};
    // What is known without building: "fixed", "not affected", "nothing known"; and why.
    std::string decided{}, why{};
    std::vector<std::string> known{}; // what else the advisory's recipe knows, a sentence each
    std::string title{};              // the advisory's
    // Commits that go before those, but for those that the base has; and what is known of the base:
    // a revision whose history is in it, empty if none is known.
    std::vector<std::string> before{};
    std::string built_from{};
    std::vector<std::string> xtf{}; // tests of XTF that show the hole

    std::string id() const { return branch + "/" + name; }
};

// Reads a list: comma-separated, its first line names the columns. `branch`, `xsa` and
// `commits_in_order` (blanks between them) are needed; `base` ("4.17.0", or any revision) says what
// the fix goes on top of; without it, the first of `release_tags_on_which_it_applies` that takes
// the fix, or else the parent of the (first) commit. Errors: `matrix.list`.
Result<std::vector<MatrixCase>> read_cases(const std::filesystem::path& list);

// The order in which cases are run, as indices: the first case of each branch that needs work goes
// ahead of the others, because it prepares what they share. Rounds are never empty.
std::vector<std::vector<std::size_t>> rounds(const std::vector<MatrixCase>&);

// A git repository, bare or not; only read.
class Clone {
public:
    Clone(std::filesystem::path folder, std::stop_token stop)
        : folder_(std::move(folder)), stop_(std::move(stop)) {}

    // The full id of a revision. Errors: `matrix.revision`.
    Result<std::string> resolve(const std::string& revision) const;
    // The files of a commit, into a folder that is there.
    Result<void> extract(const std::string& commit, const std::filesystem::path& to) const;
    // A commit as a patch of what it does below xen/.
    Result<void> write_patch(const std::string& commit, const std::filesystem::path& to) const;
    // Whether a revision's history has a commit; not, if the clone has not both.
    bool contains(const std::string& revision, const std::string& commit) const;
    // Whether the patches, one upon the other, apply to a commit as they stand. `scratch` is an
    // empty folder of the caller's.
    Result<bool> takes(const std::string& commit, const std::vector<std::filesystem::path>& patches,
                       const std::filesystem::path& scratch) const;

private:
    Command command(std::vector<std::string> arguments) const;
    Result<std::string> git(std::vector<std::string> arguments,
                            const std::filesystem::path& output = {}) const;

    std::filesystem::path folder_;
    std::stop_token stop_;
};

} // namespace xlp::build
