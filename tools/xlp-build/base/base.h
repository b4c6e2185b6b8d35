// SPDX-License-Identifier: GPL-2.0-only
// A base: all of one hypervisor build that building and proving payloads takes, in one folder with
// a manifest (docs/bases.md).
#pragma once

#include "payload/base/result.h"

#include <filesystem>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

namespace xlp::build {

struct Base {
    std::filesystem::path folder;
    std::string name;
    std::string branch;   // "4.17"
    std::string version;  // "4.17.5"
    std::string build_id; // hexadecimal
    std::string revision; // of the clone that it was built from; may be empty
    std::string cc = "gcc";
    std::string compiler;                      // what that said of itself
    std::map<std::string, std::string> files;  // by role, relative to the folder
    std::map<std::string, std::string> sha256; // by role; of the source: of all its files

    bool has(const std::string& role) const { return files.contains(role); }
    std::filesystem::path path(const std::string& role) const {
        return has(role) ? folder / files.at(role) : std::filesystem::path();
    }
};

// Where a base's files are found before it is one. Roles: source, config, xen_syms, hypervisor,
// kernel; the last two may be missing.
using BaseFiles = std::map<std::string, std::filesystem::path>;

// What a folder holds, as scripts/fetch-xen makes one, or one with source/, config, xen-syms,
// xen.gz, vmlinuz. Errors: `base.incomplete`, `base.ambiguous`: all of them at once.
Result<BaseFiles> find_base_files(const std::filesystem::path& folder);

// $XLP_BASES, or xlp/bases in the user's data.
std::filesystem::path bases_folder();

// A base by its name, or by its folder. Errors: `base.missing`, `base.malformed`.
Result<Base> open_base(const std::string& name_or_folder);
std::vector<std::string> base_names();

// Copies the files and checks that they belong together: the source's version is that of xen-syms,
// the configuration has live patching. The base appears whole or not at all. Errors:
// `base.exists`, `base.other-version`, `base.no-livepatch`, source.*, image.*, file.unwritable.
Result<Base> add_base(Base about, const BaseFiles&, const std::stop_token&);

// Whether the files are those of the manifest. `base.changed`, one for each.
Findings check_base(const Base&, const std::stop_token&);

// One file with all of it, the same bytes for the same base; and back again. Errors:
// `base.archive`, `base.exists`, `base.changed`, file.unwritable.
Result<void> export_base(const Base&, const std::filesystem::path& to, const std::stop_token&);
Result<Base> import_base(const std::filesystem::path& archive, const std::string& name,
                         const std::stop_token&);
Result<void> remove_base(const std::string& name);

} // namespace xlp::build
