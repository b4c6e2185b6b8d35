// SPDX-License-Identifier: GPL-2.0-only
// Hooks, bug frames, exception table, metadata: the rest of prepare_payload() of
// xen/common/livepatch.c.
#include "payload/load/loading.h"

namespace xlp::load {

namespace {

constexpr std::uint64_t pointer_size = 8;
constexpr std::uint64_t bug_frame_size = 8;
constexpr std::uint64_t exception_entry_size = 8;
constexpr unsigned bug_frame_kinds = 4; // BUGFRAME_NR

} // namespace

Step prepare_hooks(Loading& l) {
    for (const char* name : {".livepatch.hooks.load", ".livepatch.hooks.unload"})
        if (const std::uint32_t section = l.find_section(name); section && l.rules.hooks)
            if (Step refusal = check_multiple(l, section, pointer_size))
                return refusal;
    if (!l.rules.records_v2)
        return {};
    for (const char* name :
         {".livepatch.hooks.preapply", ".livepatch.hooks.apply", ".livepatch.hooks.postapply",
          ".livepatch.hooks.prerevert", ".livepatch.hooks.revert", ".livepatch.hooks.postrevert"}) {
        const std::uint32_t section = l.find_section(name);
        if (!section)
            continue;
        if (Step refusal = check_multiple(l, section, pointer_size))
            return refusal;
        if (l.section_header(section).sh_size != pointer_size)
            return Refusal{-EINVAL,
                           "load.hooks.number",
                           {},
                           "A payload can have only one hook of this kind.",
                           l.at_section(section)};
        // only these can refuse, and therefore exclude `replace'
        if (name != std::string_view(".livepatch.hooks.apply")
            && name != std::string_view(".livepatch.hooks.revert"))
            l.result->vetoing_hooks = true;
    }
    return {};
}

Step prepare_bug_frames(Loading& l) {
    for (unsigned kind = 0; kind < bug_frame_kinds; ++kind)
        if (const std::uint32_t section = l.find_section(fmt::format(".bug_frames.{}", kind)))
            if (Step refusal = check_multiple(l, section, bug_frame_size))
                return refusal;
    return {};
}

Step prepare_exception_table(Loading& l) {
    const std::uint32_t section = l.find_section(".ex_table");
    if (!section)
        return {};
    if (Step refusal = check_multiple(l, section, exception_entry_size))
        return refusal;
    const std::uint64_t size = l.section_header(section).sh_size;
    if (!size && !l.rules.tightened_sections)
        return Refusal{-EINVAL, "load.section-size",
                       fmt::format("Wrong size of .ex_table (exp:{} vs 0)", exception_entry_size),
                       "Omit the section.", l.at_section(section)};
    // sort_exception_table() reads and writes every entry
    const Address at = l.sections[section].address;
    if (size && !l.machine.readable(at, 1))
        throw Fault{at, false};
    return {};
}

Step prepare_metadata(Loading& l) {
    const std::uint32_t section = l.find_section(".modinfo");
    if (!section || !l.rules.records_v2)
        return {};
    const auto last = static_cast<std::uint32_t>(l.section_header(section).sh_size) - 1;
    if (!l.machine.get<char>(l.sections[section].address + last))
        return {};
    return Refusal{-EINVAL, "load.metadata.format", "Incorrect metadata format detected",
                   "The metadata must end with a NUL.", l.at_section(section)};
}

} // namespace xlp::load
