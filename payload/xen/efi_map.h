// SPDX-License-Identifier: GPL-2.0-only
// Addresses in xen.efi. It differs from xen.gz in layout, and shares its build-id only where the
// linker cannot make one for PE images (xen/arch/x86/Makefile).
#pragma once

#include "payload/base/result.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace xlp::xen {

// A xen.efi.map, which Xen's build writes beside xen.efi: lines `0xADDRESS TYPE NAME`.
class EfiMap {
public:
    struct Entry {
        std::uint64_t address = 0;
        char type = '?'; // as nm shows it: lower case for a local symbol
        std::string name;
    };
    // Errors: efi-map.* of kind `input`.
    static Result<EfiMap> parse(std::string_view text, const std::string& file);
    static Result<EfiMap> read(const std::filesystem::path&);

    const std::vector<Entry>& entries() const { return entries_; }     // in the order of the file
    std::optional<std::uint64_t> resolve(std::string_view name) const; // the first of that name

private:
    std::vector<Entry> entries_;
    std::unordered_map<std::string, std::uint64_t> addresses_;
};

} // namespace xlp::xen
