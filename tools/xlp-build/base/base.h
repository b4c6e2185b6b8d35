// SPDX-License-Identifier: GPL-2.0-only
// Making bases (tools/common/base.h), checking them, and taking them to another machine.
#pragma once

#include "payload/base/result.h"
#include "tools/common/base.h"

#include <filesystem>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

namespace xlp::build {

// Where a base's files are found before it is one. Roles: source, config, xen_syms, hypervisor,
// kernel; the last two may be missing.
using BaseFiles = std::map<std::string, std::filesystem::path>;

// What a folder holds, as scripts/fetch-xen makes one, or one with source/, config, xen-syms,
// xen.gz, vmlinuz. Errors: `base.incomplete`, `base.ambiguous`: all of them at once.
Result<BaseFiles> find_base_files(const std::filesystem::path& folder);

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
