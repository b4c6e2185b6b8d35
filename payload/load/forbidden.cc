// SPDX-License-Identifier: GPL-2.0-only
#include "payload/load/forbidden.h"

#include <algorithm>

namespace xlp::load {

namespace {

struct Forbidden {
    std::string_view name;
    const char* why;
};

constexpr const char* patches = "It runs while functions are being patched.";
constexpr const char* stays = "It never returns: CPUs stay in the old code forever.";
constexpr const char* interrupts = "It can run at any time, even while it is being patched.";

// On the stack, or called, between the rendezvous and its end: check_for_livepatch_work() and
// what it calls, in common/livepatch.c, arch/x86/livepatch.c, common/virtual_region.c; the NMI and
// machine-check handlers, which nothing keeps away.
constexpr Forbidden forbidden[] = {
    {"idle_loop", stays},
    {"check_for_livepatch_work", patches},
    {"do_livepatch_work", patches},
    {"memcpy", patches},
    {"memset", patches},
    {"add_nops", patches},
    {"relax_virtual_region_perms", patches},
    {"tighten_virtual_region_perms", patches},
    {"reset_virtual_region_perms", patches},
    {"modify_xen_mappings_lite", patches},
    {"flush_area_local", patches},
    {"set_nmi_callback", patches},
    {"spin_debug_enable", patches},
    {"spin_debug_disable", patches},
    {"do_nmi", interrupts},
    {"handle_ist_exception", interrupts},
    {"entry_NMI", interrupts},
    {"entry_MC", interrupts},
    {"nmi", interrupts},
    {"machine_check", interrupts},
};

// The sysctl and the debug key only note down what is to be done: the work waits until every
// processor has left them.
constexpr std::string_view only_ask[] = {"livepatch_op",     "livepatch_upload",
                                         "livepatch_get",    "livepatch_list",
                                         "livepatch_action", "livepatch_printall"};

// C code of the machine-check exception. Unlike the assembly before it and the NMI's, it runs so
// rarely that a hole left open is worse.
constexpr std::string_view machine_check[] = {"do_machine_check", "mcheck_cmn_handler"};

bool in_livepatch_source(std::string_view file) {
    return file.ends_with("livepatch.c") || file.ends_with("livepatch_elf.c");
}

template <class List>
bool has(const List& list, std::string_view name) {
    return std::find(std::begin(list), std::end(list), name) != std::end(list);
}

} // namespace

std::string why_forbidden(const xen::Image& image, xen::Address a, std::string_view name) {
    const auto begin = image.resolve("_stextentry"), end = image.resolve("_etextentry");
    if (begin && end && a >= *begin && a < *end)
        return "It is in .text.entry, which runs on a guest's page tables: payloads are not "
               "mapped there.";
    const std::string_view base = xen::plain_name(name);
    const std::string_view file = name.substr(0, name.find('#'));
    if (has(only_ask, base))
        return {};
    if (in_livepatch_source(file) || base.starts_with("livepatch_")
        || base.starts_with("arch_livepatch_"))
        return patches;
    const auto* found = std::find_if(std::begin(forbidden), std::end(forbidden),
                                     [&](const Forbidden& f) { return f.name == base; });
    return found == std::end(forbidden) ? std::string() : found->why;
}

std::string why_risky(std::string_view name) {
    if (!has(machine_check, xen::plain_name(name)))
        return {};
    return "It handles machine checks, which Xen cannot mask while it writes the jump: a machine "
           "check in those microseconds crashes the host.";
}

} // namespace xlp::load
