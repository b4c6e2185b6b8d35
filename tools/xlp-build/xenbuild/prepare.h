// SPDX-License-Identifier: GPL-2.0-only
// Bringing a copy of a Xen tree to the point where any single unit can be compiled: configured, its
// headers generated, and the recipe of every object known.
#pragma once

#include "payload/base/jobs.h"
#include "payload/base/result.h"
#include "tools/xlp-build/source/tree.h"
#include "tools/xlp-build/xenbuild/recipes.h"

#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

namespace xlp::build {

// How Xen is built; the same for every tree of a build.
struct Toolchain {
    std::string cc = "gcc";                  // may hold flags
    std::string launcher;                    // prefixed to our own compilations: "ccache"
    std::vector<std::string> make_variables; // "NAME=value", on top of ours
    Jobs jobs;                               // of all compilations together
};

// What tells one compiler from another: all of `CC -v`. Errors: `compiler.missing`,
// `compiler.broken`.
Result<std::string> compiler_identity(const Toolchain&, const std::stop_token&);

// The line of an identity that names compiler and version: GCC prints it last, clang first. The
// last line if none does.
std::string version_line(const std::string& identity);

// The text of a configuration. Errors: `config.unreadable`.
Result<std::string> read_config(const std::filesystem::path& config);

// Puts `config` in place and lets Kconfig fill what it leaves open. Errors: as read_config,
// `config.no-livepatch`, `prepare.failed`.
Result<void> configure(const std::filesystem::path& tree, const std::filesystem::path& config,
                       const Toolchain&, const std::stop_token&);

// Warns of settings of `config` that Kconfig did not take over in `tree`, and of another version of
// the compiler than the one that `config` was made with.
Result<Findings> check_config(const std::filesystem::path& tree,
                              const std::filesystem::path& config);

// Runs Kconfig again over the tree's own .config, after its Kconfig files changed.
Result<void> reconfigure(const std::filesystem::path& tree, const Toolchain&,
                         const std::stop_token&);

// Makes every generated header; takes little where all are up to date. Errors: `prepare.failed`.
Result<void> make_headers(const std::filesystem::path& tree, const Toolchain&,
                          const std::stop_token&);

// Builds the hypervisor as a whole in a configured tree: xen/xen-syms, xen/xen.gz. Errors:
// `prepare.failed`.
Result<void> build_hypervisor(const std::filesystem::path& tree, const Toolchain&,
                              const std::stop_token&);

// The recipes of a tree whose headers are made. Leaves empty files where assembly includes boot
// code that Xen's build makes later.
Result<Recipes> read_recipes(const std::filesystem::path& tree, const Toolchain&,
                             const std::stop_token&);

} // namespace xlp::build
