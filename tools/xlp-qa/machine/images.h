// SPDX-License-Identifier: GPL-2.0-only
// The two images that are booted: the hypervisor as QEMU's multiboot loader or a firmware takes it,
// and the dom0 kernel as Xen takes it without unpacking (Xen's own unpacking of an xz bzImage costs
// seconds).
#pragma once

#include "payload/base/result.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace xlp::qa {

struct XenImage {
    std::string bytes;
    bool efi = false;     // a program for an EFI firmware; else a multiboot ELF
    std::string build_id; // that it reports, hexadecimal; empty without
};

// From a hypervisor file: xen.gz, the ELF in it, or xen.efi. Refuses, as bad input, a 64-bit
// xen-syms given in its stead: QEMU cannot boot it.
Result<XenImage> xen_image(std::string_view file, const std::string& name);

// A dom0 kernel, as bzImage (Linux: Documentation/arch/x86/boot.rst) or vmlinux ELF, to an ELF
// without sections. Bad input when it is no x86-64 Linux, or one that cannot be dom0.
Result<std::string> dom0_image(std::string_view file, const std::string& name);

// The build-id of an ELF file (hexadecimal), from its notes, section or segment; empty without.
std::string build_id(std::string_view elf);

// The function that an address lies in, as "name+0x12", from the symbol table; empty when none
// does.
std::string function_at(std::string_view elf, std::uint64_t address);

} // namespace xlp::qa
