// SPDX-License-Identifier: GPL-2.0-only
// A xen.efi, which the firmware starts, in place of xen-syms. It is made from the objects of the
// same build, but linked for itself (xen/arch/x86/Makefile): build-id, data, and the names of
// static functions and variables are its own.
#pragma once

#include "payload/base/result.h"
#include "payload/elf/note.h"
#include "payload/elf/object.h"
#include "payload/xen/efi_map.h"

#include <cstddef>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace xlp::xen {

// The section with the build-id of a PE image, by which Image tells it from xen-syms.
inline constexpr std::string_view efi_build_id_section = ".buildid";

// What the linker (GNU ld 2.40) leaves of a source file's name of 15 to 18 characters, as in
// "common/livepat#cpu_callback": longer and shorter ones are whole.
inline constexpr std::size_t efi_file_name = 14;

// The names of source files that an image has, whole or cut.
class FileNames {
public:
    void add(std::string_view symbol); // "common/livepat#cpu_callback"
    // The file's name as the image has it; as it is, if the image has neither.
    std::string_view of(std::string_view file) const;

private:
    std::set<std::string, std::less<>> names_;
};

// The build-id that a xen.efi reports: the 16 bytes in its CodeView record. Nothing if it has none
// or is no EFI program for x86-64.
std::optional<elf::BuildId> efi_build_id(View pe);

// What Image::from() takes: the sections and the build-id of `pe`, the names of `map`, and their
// sizes and kinds from `syms`, the xen-syms of that build. `name` is for findings.
// Errors, of kind `input`: efi.damaged, efi.not-efi, efi.no-build-id; efi.other-build if map and
// `syms` do not have the same functions at the same addresses.
Result<elf::Object> efi_object(View pe, const EfiMap& map, const elf::Object& syms,
                               const std::string& name);

} // namespace xlp::xen
