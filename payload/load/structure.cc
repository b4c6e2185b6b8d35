// SPDX-License-Identifier: GPL-2.0-only
// check_special_sections(), check_patching_sections() of xen/common/livepatch.c.
#include "payload/load/loading.h"

namespace xlp::load {

namespace {

Refusal refuse(const Loading& l, const char* code, std::string log, std::string remedy) {
    return {-EINVAL, code, std::move(log), std::move(remedy), {l.options.name, {}, {}, 0}};
}

} // namespace

Step check_special_sections(Loading& l) {
    for (const char* name :
         {".livepatch.depends", ".livepatch.xen_depends", ".note.gnu.build-id"}) {
        if (l.rules.reworked_sections && name == std::string_view(".livepatch.xen_depends"))
            continue; // checked before
        const std::uint32_t section = l.find_section(name);
        if (!section)
            return refuse(l, "load.special.missing", fmt::format("{} is missing", name),
                          "Every payload needs the three build-id notes.");
        if (!l.section_header(section).sh_size)
            return refuse(l, "load.special.empty", fmt::format("{} is empty", name),
                          "Every payload needs the three build-id notes.");
    }
    return {};
}

Step check_patching_sections(Loading& l) {
    bool found = false;
    for (const char* name :
         {".livepatch.funcs", ".livepatch.hooks.load", ".livepatch.hooks.unload",
          ".livepatch.hooks.preapply", ".livepatch.hooks.apply", ".livepatch.hooks.postapply",
          ".livepatch.hooks.prerevert", ".livepatch.hooks.revert", ".livepatch.hooks.postrevert"}) {
        const std::uint32_t section = l.find_section(name);
        if (!section)
            continue;
        if (!l.section_header(section).sh_size)
            return refuse(l, "load.patching.empty", fmt::format("{} is empty", name),
                          "Leave the section out.");
        found = true;
    }
    if (!found)
        return refuse(l, "load.patching.none", "Nothing to patch. Aborting...",
                      "The payload has neither functions nor hooks.");
    return {};
}

} // namespace xlp::load
