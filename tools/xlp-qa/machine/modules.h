// SPDX-License-Identifier: GPL-2.0-only
// Kernel modules out of an unpacked package, which has no modules.dep: dependencies come from the
// modules' own .modinfo.
#pragma once

#include "payload/base/result.h"

#include <filesystem>
#include <string>
#include <vector>

namespace xlp::qa {

struct Module {
    std::string name; // with underscores
    std::string data; // the ELF file, decompressed
};

// The modules wanted and all that these need, in an order in which they can be inserted. `folder`
// is lib/modules/VERSION; what modules.builtin lists is left out. Errors: `qa.no-module` for each
// one missing.
Result<std::vector<Module>> collect_modules(const std::filesystem::path& folder,
                                            const std::vector<std::string>& wanted);

// Names in the `depends=` line of a module's .modinfo, with underscores.
std::vector<std::string> module_dependencies(std::string_view elf);

} // namespace xlp::qa
