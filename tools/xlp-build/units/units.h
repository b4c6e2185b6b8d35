// SPDX-License-Identifier: GPL-2.0-only
// Which units a change touches: those whose code can differ, each with the reason.
#pragma once

#include "payload/base/result.h"
#include "tools/xlp-build/xenbuild/recipes.h"

#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

namespace xlp::build {

// A source or header that differs between two prepared trees, made ones included.
struct ChangedFile {
    enum class How { edited, added, removed };
    std::string path; // relative to the root: "xen/include/xen/sched.h"
    How how = How::edited;
};

// Compares the .c, .h and .S files below xen/ of two prepared trees. Files of the same size and
// time are taken as equal: one tree is a copy of the other.
Result<std::vector<ChangedFile>> compare_trees(const std::filesystem::path& original,
                                               const std::filesystem::path& patched);

struct Unit {
    std::string source; // relative to xen/, links resolved: "common/efi/runtime.c"
    std::string object; // relative to xen/: "arch/x86/efi/runtime.o"
    bool assembly = false;
    bool init_only = false;           // its code is gone once Xen has started
    bool boot_code = false;           // 32-bit code that runs before Xen proper
    std::vector<std::string> reasons; // "is patched itself", "includes xen/sched.h: struct domain"
};

// Units out of a recipe; `tree` is where its source's links are resolved.
Unit unit_of(const Recipe&, const std::filesystem::path& tree);

struct Candidate {
    std::string object;
    std::vector<std::string> files;        // changed files that it is or includes, from the root
    std::vector<std::string> by_assembler; // those of them that the assembler includes (.include)
    bool itself = false;                   // its own source is among them
};

// The units that are, or by name include, one of `changed`, conditions aside; sorted by object.
std::vector<Candidate> candidates(const std::filesystem::path& original,
                                  const Recipes& original_recipes,
                                  const std::filesystem::path& patched,
                                  const Recipes& patched_recipes,
                                  const std::vector<ChangedFile>& changed);

} // namespace xlp::build
