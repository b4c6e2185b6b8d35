// SPDX-License-Identifier: GPL-2.0-only
// Small C sources to objects with debug information.
#pragma once

#include "payload/elf/object.h"
#include "payload/types/compare.h"

#include <string>
#include <string_view>

namespace xlp::types::test {

inline constexpr std::string_view default_flags = "-O2 -g -ffunction-sections -fdata-sections";

// Throws std::runtime_error with the compiler's words if it does not compile.
elf::Object compile(std::string_view source, std::string_view flags = default_flags,
                    std::string_view compiler = "gcc");

// Of two sources that both must compile and compare.
TypeChanges compare(std::string_view before, std::string_view after,
                    std::string_view flags = default_flags, std::string_view compiler = "gcc");

const StructChange* find_struct(const TypeChanges&, std::string_view name);
const MemberChange* find_member(const StructChange&, std::string_view path);

} // namespace xlp::types::test
