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
    const char* const remedy = l.rules.records_v2
                                   ? "Every payload needs the three build-id notes."
                                   : "Every payload needs function records and the build-id notes.";
    std::vector<const char*> names = {".livepatch.depends", ".note.gnu.build-id"};
    if (!l.rules.records_v2)
        names.insert(names.begin(), ".livepatch.funcs");
    else if (!l.rules.reworked_sections) // since then it is checked before
        names.insert(names.begin() + 1, ".livepatch.xen_depends");
    for (const char* name : names) {
        const std::uint32_t section = l.find_section(name);
        if (!section)
            return refuse(l, "load.special.missing", fmt::format("{} is missing", name), remedy);
        if (!l.section_header(section).sh_size)
            return refuse(l, "load.special.empty", fmt::format("{} is empty", name), remedy);
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
                          "Omit the section.");
        found = true;
    }
    if (!found)
        return refuse(l, "load.patching.none", "Nothing to patch. Aborting...",
                      "The payload has neither functions nor hooks.");
    return {};
}

} // namespace xlp::load
