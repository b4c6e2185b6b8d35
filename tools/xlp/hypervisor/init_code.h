// SPDX-License-Identifier: GPL-2.0-only
// Code of the hypervisor that runs only while Xen starts. Its memory is given back then, and Xen's
// loader does not know: it looks the names up all the same, and writes its jump over what is there
// now.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace xlp::host {

struct InitCode {
    std::uint64_t begin = 0, end = 0; // _sinittext, _einittext (xen/arch/x86/xen.lds.S)
    std::set<std::string, std::less<>> names;

    bool has(std::uint64_t address) const { return address >= begin && address < end; }
    bool has(std::string_view name) const { return names.contains(name); }
};

// From the hypervisor's symbols as dom0's kernel shows them, /proc/xen/xensyms (Linux:
// CONFIG_XEN_SYMS), a line each: address, type, name. Nothing where there is no such file, or where
// it does not say where this code is.
std::optional<InitCode> read_init_code(const std::filesystem::path& xensyms);

} // namespace xlp::host
