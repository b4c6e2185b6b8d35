// SPDX-License-Identifier: GPL-2.0-only
// A base: all of one hypervisor build that building and proving payloads takes, in one folder with
// a manifest (docs/bases.md). xlp-build makes them.
#pragma once

#include "payload/base/result.h"

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace xlp {

struct Base {
    std::filesystem::path folder;
    std::string name;
    std::string branch;   // "4.17"
    std::string version;  // "4.17.5"
    std::string build_id; // hexadecimal
    std::string revision; // of the clone that it was built from; may be empty
    std::string cc = "gcc";
    std::vector<std::string> make;             // variables of Xen's make: "debug=n"
    std::string compiler;                      // what that said of itself
    std::map<std::string, std::string> files;  // by role, relative to the folder
    std::map<std::string, std::string> sha256; // by role; of the source: of all its files

    bool has(const std::string& role) const { return files.contains(role); }
    std::filesystem::path path(const std::string& role) const {
        return has(role) ? folder / files.at(role) : std::filesystem::path();
    }
};

// $XLP_BASES, or xlp/bases in the user's data.
std::filesystem::path bases_folder();

// A base by its name, or by its folder. Errors: `base.missing`, `base.malformed`.
Result<Base> open_base(const std::string& name_or_folder);
std::vector<std::string> base_names();
// Whether it can be the name of one.
bool is_base_name(const std::string&);

// The words of a verb's command line with --base replaced by the options that it stands for, if
// they are not given: `files` has the role of the base's file for each option, role `cc` for one
// that takes the compiler, and `make` for one that is repeated for each of make's variables.
// Errors: those of open_base().
Result<std::vector<std::string>> expand_base(std::vector<std::string> words,
                                             const std::map<std::string, std::string>& files);

} // namespace xlp
