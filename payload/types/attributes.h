// SPDX-License-Identifier: GPL-2.0-only
// The attributes of one debugging information entry that types, functions and variables are made
// of, gathered in one pass over it.
#pragma once

#include <cstdint>
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <optional>
#include <string_view>

namespace xlp::types {

struct Attributes {
    std::string_view name;
    std::string_view linkage_name;
    std::uint64_t type = 0;   // offset of the type's entry; 0 is void
    std::uint64_t origin = 0; // DW_AT_abstract_origin or DW_AT_specification; 0 is none
    std::optional<std::uint64_t> byte_size;
    std::uint64_t bit_size = 0;
    std::optional<std::uint64_t> data_bit_offset; // from the start of the structure
    std::optional<std::uint64_t> old_bit_offset;  // DWARF 3: from the top of the storage unit
    std::uint64_t member_location = 0;
    std::optional<std::uint64_t> upper_bound;
    std::optional<std::uint64_t> length;         // DW_AT_count
    std::int64_t value = 0;                      // DW_AT_const_value of an enumerator
    std::optional<std::uint64_t> static_address; // DW_AT_location is this one address
    std::uint64_t encoding = 0;
    std::uint64_t file = 0;
    std::uint64_t line = 0;
    bool declaration = false;
    bool external = false;
};

// Attributes that cannot be decoded are left as they are by default.
Attributes attributes_of(Dwarf_Die&);

} // namespace xlp::types
