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

// The names in the records, in order; a record whose name cannot be read gives an empty one.
std::vector<std::string> replaced_functions(const elf::Object&);

} // namespace xlp::manifest
