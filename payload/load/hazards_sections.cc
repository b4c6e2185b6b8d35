// SPDX-License-Identifier: GPL-2.0-only
// What Xen's loader accepts of sections and dies of, or silently gets wrong.
#include "payload/load/loading.h"

#include <algorithm>
#include <set>

namespace xlp::load {

namespace {

constexpr const char* do_not_load = "Do not load it: rebuild the payload.";

// Sections that the loader keeps a pointer into.
bool is_special(std::string_view name) {
    static constexpr std::string_view exact[] = {
        ".note.gnu.build-id", ".altinstructions", ".altinstr_replacement",
        ".alt_call_sites",    ".ex_table",        ".modinfo"};
    return name.starts_with(".livepatch.") || name.starts_with(".bug_frames.")
           || std::find(std::begin(exact), std::end(exact), name) != std::end(exact);
}

void judge_header(const Loading& l, std::uint32_t i, const Elf64_Shdr& s, Findings& out) {
    if (s.sh_type == SHT_SYMTAB && !s.sh_link)
        out.push_back(refusal("load.fatal.link-null",
                              "The symbol table is linked to section 0, a null pointer in Xen.",
                              do_not_load, l.at_section(i)));
    if ((s.sh_type == SHT_RELA || s.sh_type == SHT_REL) && !s.sh_info)
        out.push_back(refusal("load.fatal.target-null",
                              "The relocations are for section 0, a null pointer in Xen.",
                              do_not_load, l.at_section(i)));
    if (s.sh_type != SHT_NOBITS && s.sh_offset + s.sh_size < s.sh_offset)
        out.push_back(refusal("load.fatal.section-wraps",
                              "Offset plus size exceeds 64 bits, which Xen does not notice.",
                              do_not_load, l.at_section(i)));
}

void judge_loaded(const Loading& l, std::uint32_t i, const Elf64_Shdr& s, Findings& out) {
    if (!s.sh_addralign)
        out.push_back(refusal("load.fatal.align-zero",
                              "With alignment 0 Xen loads the section on top of others.",
                              "Give the section an alignment of at least 1.", l.at_section(i)));
    if (s.sh_addralign > page_size)
        out.push_back(
            warning("load.align-page",
                    fmt::format("Xen aligns to 4096 bytes at most, not to {}.", s.sh_addralign), {},
                    l.at_section(i)));
    if (!s.sh_size && !l.rules.places_empty_sections)
        out.push_back(warning("load.empty-section",
                              "This version of Xen gives empty sections no address: symbols in it "
                              "resolve to wrong addresses.",
                              "Omit the section, or make it one byte long.", l.at_section(i)));
}

} // namespace

Findings find_section_hazards(const Loading& l) {
    Findings out;
    std::set<std::string_view> seen;
    for (std::uint32_t i = 1; i < l.sections.size(); ++i) {
        if (!l.sections[i].header)
            break; // refused before this one was looked at
        const Elf64_Shdr s = l.section_header(i);
        const std::string_view name = l.sections[i].name;
        judge_header(l, i, s, out);
        if (s.sh_flags & SHF_ALLOC)
            judge_loaded(l, i, s, out);
        if (!is_special(name))
            continue;
        if (!(s.sh_flags & SHF_ALLOC))
            out.push_back(refusal("load.fatal.special-not-alloc",
                                  "Xen keeps a pointer into the section but does not load it.",
                                  "Set SHF_ALLOC.", l.at_section(i)));
        if (!seen.insert(name).second)
            out.push_back(refusal("load.section-repeated",
                                  "Xen only uses the first section of this name.",
                                  "Merge the sections.", l.at_section(i)));
        if (name == ".modinfo" && !s.sh_size)
            out.push_back(refusal("load.fatal.modinfo-empty",
                                  "Xen reads the byte before the section's end, which is 4 GiB "
                                  "away if the section is empty.",
                                  "Omit an empty .modinfo.", l.at_section(i)));
    }
    return out;
}

} // namespace xlp::load
