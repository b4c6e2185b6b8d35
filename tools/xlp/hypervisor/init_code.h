// SPDX-License-Identifier: GPL-2.0-only
// Hypervisor code that runs only while Xen boots. Xen then frees its memory, but Xen's loader still
// resolves these names: it crashes on the missing memory, or overwrites what is there now.
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

// Reads the hypervisor's symbols from /proc/xen/xensyms (Linux: CONFIG_XEN_SYMS), one per line:
// address, type, name. Nothing if there is no such file, or if it lacks the bounds of this code.
std::optional<InitCode> read_init_code(const std::filesystem::path& xensyms);

} // namespace xlp::host
