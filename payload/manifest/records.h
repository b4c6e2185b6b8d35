// SPDX-License-Identifier: GPL-2.0-only
// The function records of a payload, as far as a reader needs them who has no hypervisor at hand.
#pragma once

#include "payload/elf/object.h"

#include <string>
#include <vector>

namespace xlp::manifest {

// The size of a record in bytes; 0 when the section is absent or its size or version byte fits
// neither version (payload/xen/abi.h).
std::size_t record_size(const elf::Object&);

// Xen looks up the name only if the record has no address, neither as a number nor as a symbol.
struct ReplacedFunction {
    std::string name; // empty where it cannot be read
    std::string old_symbol;
    std::uint64_t old_address = 0;
};

// One for each record, in order.
std::vector<ReplacedFunction> replaced_functions(const elf::Object&);

} // namespace xlp::manifest
