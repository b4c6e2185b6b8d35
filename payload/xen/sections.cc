// SPDX-License-Identifier: GPL-2.0-only
#include "payload/xen/sections.h"

#include "payload/xen/abi.h"
#include "payload/xen/contract.h"

namespace xlp::xen {

namespace {

struct Rule {
    std::string_view prefix; // matches the name itself, or the name up to a dot
    SectionClass section_class;
};

// The first rule that fits counts.
constexpr Rule rules[] = {
    {".discard", SectionClass::ignored},
    {".livepatch", SectionClass::hooks},
    {".fixup", SectionClass::fragment},
    {".altinstr_replacement", SectionClass::replacement},
    {".altinstructions", SectionClass::alternatives},
    {".alt_call_sites", SectionClass::alt_calls},
    {".ex_table.pre", SectionClass::pre_ex_table},
    {".ex_table", SectionClass::ex_table},
    {".bug_frames", SectionClass::bug_frames},
    {".init.text", SectionClass::init_text},
    {".text.startup", SectionClass::init_text},
    {".exit", SectionClass::init_text},
    {".text.exit", SectionClass::init_text},
    {".init.setup", SectionClass::registration},
    {".initcall1.init", SectionClass::registration},
    {".initcallpresmp.init", SectionClass::registration},
    {".ctors", SectionClass::registration},
    {".init_array", SectionClass::registration},
    {".data.schedulers", SectionClass::registration},
    {".data.paramhypfs", SectionClass::registration},
    {".data.vpci", SectionClass::registration},
    {".data.rel.ro.vpci", SectionClass::registration},
    {".lockprofile.data", SectionClass::registration},
    {".init", SectionClass::init_data},
    {".text.entry", SectionClass::entry_text},
    {".text.header", SectionClass::entry_text},
    {".text.kexec", SectionClass::entry_text},
    {".text.page_aligned", SectionClass::entry_text},
    {".bss.percpu", SectionClass::per_cpu},
    {".data.percpu", SectionClass::per_cpu},
    {".percpu", SectionClass::per_cpu},
    {".data.rel.ro", SectionClass::constant},
    {".rodata", SectionClass::constant},
};

bool fits(std::string_view name, std::string_view prefix) {
    return name.starts_with(prefix) && (name.size() == prefix.size() || name[prefix.size()] == '.');
}

} // namespace

SectionClass classify(const elf::Section& s) {
    if (!s.alloc() || s.type == SHT_NOTE || s.name.starts_with(".note")
        || s.name.starts_with(".eh_frame"))
        return SectionClass::ignored;
    if (s.name.starts_with(".text.__x86_") || s.name.starts_with(".trampoline"))
        return SectionClass::entry_text;
    for (const Rule& r : rules)
        if (fits(s.name, r.prefix)) {
            if (r.section_class != SectionClass::constant || !s.mergeable())
                return r.section_class;
            break;
        }
    if (s.strings())
        return SectionClass::string;
    if (s.mergeable() && s.entsize)
        return SectionClass::literal;
    if (s.executable())
        return SectionClass::text;
    return s.writable() ? SectionClass::data : SectionClass::constant;
}

std::size_t table_entry_size(const elf::Section& s, Version v) {
    switch (classify(s)) {
    case SectionClass::bug_frames:
        return s.name == ".bug_frames.3" ? abi::assert_frame_size : abi::bug_frame_size;
    case SectionClass::ex_table:
    case SectionClass::pre_ex_table:
        return abi::exception_size;
    case SectionClass::alternatives:
        return has(v, Feature::long_alternatives) ? sizeof(abi::Alternative)
                                                  : abi::alternative_size_old;
    case SectionClass::alt_calls:
        return abi::alternative_call_size;
    default:
        return 0;
    }
}

} // namespace xlp::xen
