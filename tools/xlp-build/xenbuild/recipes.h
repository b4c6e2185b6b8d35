// SPDX-License-Identifier: GPL-2.0-only
// How Xen's own build compiles each object: read from what `make -n` would run, so that flags,
// per-file flags, files compiled several times and later steps on the object are just its own.
#pragma once

#include "payload/base/result.h"

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace xlp::build {

// How one object comes to be. Paths of the tree within arguments are held as `tree_mark`, so that
// the same recipe serves for any copy of the tree.
struct Recipe {
    std::string source;    // as the compiler is told, relative to xen/ : "arch/x86/efi/boot.c"
    std::string object;    // relative to xen/ : "arch/x86/efi/boot.o"
    std::string directory; // where the compiler runs, relative to the tree's root: "xen/common"
    std::string argument;  // the source as the compiler is told, relative to `directory`
    std::vector<std::string>
        compiler; // compiler and flags, without -c, source, output, dependencies
    // Each step on the object, without the files: {"objcopy", "--redefine-sym",
    // "mm.c=arch/x86/mm.c"}.
    std::vector<std::vector<std::string>> steps;
    bool init_only = false; // all of it is gone once Xen has started

    bool assembly() const { return source.ends_with(".S"); }
    // Not for the hypervisor proper: 32-bit code that runs before it.
    bool boot_code() const;
    // A later step knows its sections by name, so the compiler must not split them.
    bool renames_sections() const;
    bool operator==(const Recipe&) const = default;
};

using Recipes = std::map<std::string, Recipe>; // by object

inline constexpr std::string_view tree_mark = "@TREE@";

// The shell words of one simple command; the operator that ended it ("" at the end).
struct ShellCommand {
    std::vector<std::string> words;
    std::string end;
};

// Splits a line of /bin/sh into its simple commands: quotes and backslashes are undone,
// redirections and everything beyond are left in as words. Enough for what make prints; an
// unbalanced quote gives an empty list.
std::vector<ShellCommand> split_shell(std::string_view line);

// `dry_run` is the output of `make -n -w` in `tree`/xen.
Recipes parse_dry_run(std::string_view dry_run, const std::filesystem::path& tree);

// The `ln -s` commands among it; they make sources that later lines look at.
std::vector<std::vector<std::string>> links_of(std::string_view dry_run);

} // namespace xlp::build
