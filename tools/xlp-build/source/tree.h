// SPDX-License-Identifier: GPL-2.0-only
// A Xen source tree as it was given to us: what it is, what of it the hypervisor's build needs, and
// copies of that. The tree given is only ever read.
#pragma once

#include "payload/base/result.h"

#include <filesystem>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace xlp::build {

struct XenVersion {
    unsigned major = 0; // XEN_VERSION
    unsigned minor = 0; // XEN_SUBVERSION
    std::string extra;  // XEN_EXTRAVERSION without XEN_VENDORVERSION: ".5", "-rc", "-unstable"

    std::string text() const; // "4.17.5"
    bool at_least(unsigned a, unsigned b) const { return major != a ? major > a : minor >= b; }
};

// From xen/Makefile. Errors: `source.not-xen`.
Result<XenVersion> read_version(const std::filesystem::path& tree);

// One file of a tree that the hypervisor's build may need, by its path relative to the tree's root.
struct TreeFile {
    std::string path;
    bool symlink = false;
};

// Whether a path (relative to the root of a Xen tree) is one that we copy: below xen/, or one of
// the few others that xen/'s makefiles read. Left out: what a build makes, and revision control.
bool belongs_to_hypervisor(std::string_view path);

// All such files, sorted by path. Errors: `source.unreadable`, `source.not-xen`.
Result<std::vector<TreeFile>> list_tree(const std::filesystem::path& tree);

// SHA-256 over paths, kinds and contents.
Result<std::string> hash_tree(const std::filesystem::path& tree, const std::vector<TreeFile>&,
                              const std::stop_token& stop);

// Copies with modes and times; `to` is made. Never a link, so that writing to the copy is safe.
Result<void> copy_tree(const std::filesystem::path& from, const std::vector<TreeFile>&,
                       const std::filesystem::path& to, const std::stop_token& stop);

// Copies a whole prepared tree likewise, with its products. In the dependency and command files
// that make reads, the path of the tree becomes that of the copy, so that make finds it up to date.
Result<void> copy_prepared(const std::filesystem::path& from, const std::filesystem::path& to,
                           const std::stop_token& stop);

std::string replace_all(std::string text, std::string_view from, std::string_view to);

} // namespace xlp::build
