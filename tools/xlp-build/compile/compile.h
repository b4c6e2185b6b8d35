// SPDX-License-Identifier: GPL-2.0-only
// From a source tree and patches to pairs of compiled objects: what the running hypervisor was
// compiled from, and what it would be with the patches.
//
//   tree given --copy, configure, make headers--> prepared tree   cached by content
//   prepared tree --copy, patch, make headers---> patched tree    cached by content and patches
// With payloads below, the first of the two trees that are compared is patched as well, by theirs.
//
//   both trees --what changed, who sees it------> units           (units.h)
//   units --Xen's own recipes------------------> objects          cached
#pragma once

#include "payload/base/result.h"
#include "tools/xlp-build/source/patch_lines.h"
#include "tools/xlp-build/source/tree.h"
#include "tools/xlp-build/units/units.h"
#include "tools/xlp-build/xenbuild/prepare.h"
#include "tools/xlp-build/xenbuild/recipes.h"

#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

namespace xlp::build {

struct Request {
    std::filesystem::path source;               // root of the Xen tree; only read
    std::vector<std::filesystem::path> patches; // applied in this order
    std::filesystem::path config;               // empty: xen/.config of the tree given
    std::filesystem::path cache;                // empty: cache::default_folder()
    Toolchain toolchain;
    // Of payloads that are applied already, in order: the original has them, too.
    std::vector<std::filesystem::path> patches_below = {};
};

// "Preparing the source", "Compiling 3 of 14: arch/x86/mm.o". Called from several threads, never
// two at a time.
using Progress = std::function<void(const std::string&)>;

struct CompiledUnit {
    Unit unit;
    std::filesystem::path original; // empty: the unit is new
    std::filesystem::path patched;  // empty: the unit is gone
    // Changed by a payload below, not by the patches: `patched` is `original`. What that payload
    // carries of it is to be known.
    bool below = false;
};

// A prepared pair of trees. Keeps its cache entries from being removed while it lives.
struct Trees {
    XenVersion version;
    std::filesystem::path prepared; // root of the copy of what was given
    std::filesystem::path original; // that, or with the patches of payloads below
    std::filesystem::path patched;
    Recipes prepared_recipes, original_recipes, patched_recipes;
    std::filesystem::path original_objects, patched_objects; // folders
    std::vector<std::string> patched_files; // what the patches name below xen/, "xen/arch/x86/mm.c"
    Toolchain toolchain;
    std::shared_ptr<void> lease;
};

// Which units can differ, and which were looked at and cannot.
struct Selection {
    std::vector<Unit> affected;
    std::vector<Unit> unchanged;
    Findings findings;
};

struct Build {
    Trees trees;
    std::vector<ChangedFile> changed; // sources and headers that differ, made ones included
    std::vector<CompiledUnit> units;  // sorted by object
    std::vector<Unit> unchanged;      // looked at, and left out with a reason
    LineMap lines;                    // between the sources of both trees
    Findings findings;                // warnings and notes
};

// Copies, prepares, patches. Errors: source.*, config.*, compiler.*, prepare.failed, patch.*,
// `patch.no-hypervisor-code`, `patch.does-not-build`, cache.unusable, interrupted.
Result<Trees> prepare_trees(const Request&, const Progress&, const std::stop_token&,
                            Findings& findings);

// Compares what the compiler proper would see of every unit that includes a changed file. Errors:
// `patch.changes-every-unit`, compile.failed, `patch.does-not-compile`, interrupted.
Result<Selection> select_units(const Trees&, const std::vector<ChangedFile>&, const Progress&,
                               const std::stop_token&);

// What would be compiled, without compiling. Fills everything of Build but the objects' paths.
// Further errors: `patch.no-unit-affected`.
Result<Build> plan_build(const Request&, const Progress&, const std::stop_token&);

// The whole way. Further errors: `compile.failed` (the original), `patch.does-not-compile`.
Result<Build> build_units(const Request&, const Progress&, const std::stop_token&);

// The original unit once more, with sections as Xen's own build has them: up to 4.16 it does not
// split them, and the assembler then encodes some jumps otherwise and puts unlikely code behind
// the file's last function. The object's path; nothing where Xen splits them itself.
Result<std::filesystem::path> compile_whole(const Build&, const Unit&, const std::stop_token&);

// The patched unit once more, from sources with #line directives after each change, so that code
// below a change keeps its __LINE__: what then still differs from the original differs for another
// reason than its line number. The object's path; nothing when no line moved in what it includes.
Result<std::filesystem::path> compile_stable(const Build&, const Unit&, const std::stop_token&);

} // namespace xlp::build
