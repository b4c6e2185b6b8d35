// SPDX-License-Identifier: GPL-2.0-only
// Addresses in xen.efi. It differs from xen.gz in layout, and shares its build-id only where the
// linker cannot make one for PE images (xen/arch/x86/Makefile).
#pragma once

#include "payload/base/result.h"
#include "payload/xen/image.h"

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace xlp::load {

// A xen.efi.map, which Xen's build writes beside xen.efi: lines `0xADDRESS TYPE NAME`.
class EfiMap {
public:
    // Errors: efi-map.* of kind `input`.
    static Result<EfiMap> parse(std::string_view text, const std::string& file);
    static Result<EfiMap> read(const std::filesystem::path&);

    std::optional<xen::Address> resolve(std::string_view name) const;

private:
    std::unordered_map<std::string, xen::Address> addresses_;
};

} // namespace xlp::load
