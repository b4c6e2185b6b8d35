// SPDX-License-Identifier: GPL-2.0-only
// From check_for_livepatch_work() down (xen/common/livepatch.c, xen/arch/x86/livepatch.c,
// xen/common/virtual_region.c), and the entries of interrupts that cannot be masked.
#include "payload/match/forbidden.h"

#include <algorithm>
#include <array>

namespace xlp::match {

namespace {

constexpr std::array<std::string_view, 19> patching = {
    "apply_payload",
    "arch_livepatch_apply",
    "arch_livepatch_mask",
    "arch_livepatch_post_action",
    "arch_livepatch_quiesce",
    "arch_livepatch_revert",
    "arch_livepatch_revive",
    "arch_livepatch_unmask",
    "check_for_livepatch_work",
    "livepatch_do_action",
    "livepatch_spin",
    "mask_nmi_callback",
    "memcpy",
    "modify_xen_mappings_lite",
    "relax_virtual_region_perms",
    "revert_payload",
    "set_nmi_callback",
    "tasklet_fn",
    "tighten_virtual_region_perms",
};

constexpr std::array<std::string_view, 6> unmaskable = {
    "do_machine_check", "do_nmi", "handle_ist_exception", "machine_check", "nmi", "entry_NMI"};

template <std::size_t N>
bool has(const std::array<std::string_view, N>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

} // namespace

std::optional<Forbidden> forbidden(std::string_view name) {
    const std::size_t hash = name.rfind('#');
    std::string_view file;
    if (hash != name.npos) {
        file = name.substr(0, hash);
        name = name.substr(hash + 1);
    }
    name = name.substr(0, name.find('.'));
    // common names mean these only in their own files
    if (name == "tasklet_fn" && !file.empty() && !file.ends_with("livepatch.c"))
        return std::nullopt;
    if (has(patching, name))
        return Forbidden{"trampoline.runs-while-patching",
                         "The hypervisor runs this function while it writes the patch, so it "
                         "would change under its own feet."};
    if (has(unmaskable, name))
        return Forbidden{"trampoline.unmaskable",
                         "An NMI or machine check can enter this function while its first bytes "
                         "are half written; nothing keeps them out."};
    if (name == "idle_loop")
        return Forbidden{"trampoline.never-left",
                         "This function never returns: processors stay in the old one."};
    return std::nullopt;
}

} // namespace xlp::match
