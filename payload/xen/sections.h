// SPDX-License-Identifier: GPL-2.0-only
// What each section of a Xen object means, by name and flags. From xen/arch/x86/xen.lds.S and the
// macros that fill the sections; docs/sections.md tells what the differ does with each.
#pragma once

#include "payload/elf/object.h"
#include "payload/xen/version.h"

#include <cstddef>
#include <string_view>

namespace xlp::xen {

enum class SectionClass {
    text,         // functions
    fragment,     // nameless pieces of functions: .fixup, .text.unlikely of inline assembly
    replacement,  // .altinstr_replacement
    entry_text,   // code that cannot be redirected: .text.entry, .text.header, .text.kexec, thunks
    init_text,    // gone after boot
    constant,     // .rodata*, .data.rel.ro*: never written after linking
    string,       // mergeable strings
    literal,      // mergeable constants
    data,         // .data*, .bss*: lives and changes in the hypervisor
    per_cpu,      // one copy a CPU, addressed relative to the CPU's area
    init_data,    // gone after boot
    registration, // entries of boot-time arrays: initcalls, parameters, schedulers, vPCI handlers
    bug_frames,   // .bug_frames.N
    ex_table,     // .ex_table
    pre_ex_table, // .ex_table.pre: assembly only, unknown to the loader
    alternatives, // .altinstructions
    alt_calls,    // .alt_call_sites
    hooks,        // .livepatch.*: written by hand for a payload
    ignored       // not loaded, or of no use after linking: debug, notes, .discard
};

SectionClass classify(const elf::Section&);

// Size in bytes of one entry of a table section (bug_frames to alt_calls); 0 for other classes.
std::size_t table_entry_size(const elf::Section&, Version);

inline bool is_table(SectionClass c) {
    return c >= SectionClass::bug_frames && c <= SectionClass::alt_calls;
}
inline bool is_code(SectionClass c) {
    return c <= SectionClass::init_text;
}

} // namespace xlp::xen
