// SPDX-License-Identifier: GPL-2.0-only
// Hooks, bug frames, alternatives and exception tables that Xen's loader accepts and dies of.
#include "payload/load/loading.h"
#include "payload/load/record.h"
#include "payload/xen/contract.h"

#include <algorithm>

namespace xlp::load {

namespace {

// struct bug_frame (xen/include/asm-x86/bug.h): displacements of 24 bits, the line above them.
constexpr std::int64_t bug_reach = 1LL << 23;
// Other payloads may come to lie between the hypervisor and this one; for worst placement this
// much of them is assumed.
constexpr std::int64_t worst_neighbours = 4LL << 20;

void check_hooks(const Loading& l, std::uint32_t section, Findings& out) {
    const std::string_view name = l.sections[section].name;
    if (!xen::runs_hooks(l.version, name)) {
        out.push_back(
            refusal("load.hooks.not-run",
                    fmt::format("Xen {} accepts the payload but does not run hooks of this kind.",
                                l.version.text()),
                    l.rules.hooks ? "Before Xen 4.14 there are only load and unload hooks."
                                  : "Before Xen 4.8 there are no hooks.",
                    l.at_section(section)));
        return;
    }
    const bool optional = name != ".livepatch.hooks.load" && name != ".livepatch.hooks.unload";
    const std::uint64_t size = l.section_header(section).sh_size;
    for (std::uint64_t i = 0; i + 8 <= size; i += 8) {
        const auto hook = l.machine.get<Address>(l.sections[section].address + i);
        if (!hook && optional)
            continue; // is_hook_enabled()
        if (!hook)
            out.push_back(refusal("load.fatal.hook-null", "Xen would call a null pointer.", {},
                                  l.at_section(section)));
        else if (!l.executable(hook))
            out.push_back(
                refusal("load.fatal.hook-target",
                        fmt::format("The hook at {:#x} is not in executable memory.", hook), {},
                        l.at_section(section)));
        else if (l.image.has_ibt() && !l.has_endbr64(hook))
            out.push_back(refusal("load.fatal.hook-endbr",
                                  "The hypervisor was built for CET-IBT, and the hook does not "
                                  "begin with ENDBR64: calling it is fatal on a host with IBT.",
                                  "Mark the hook cf_check.", l.at_section(section)));
    }
    if (name == ".livepatch.hooks.apply" || name == ".livepatch.hooks.revert")
        out.push_back(warning("load.hook-replaces-action",
                              "The hook replaces Xen's own action: unless it marks every function "
                              "as applied or reverted, Xen panics.",
                              {}, l.at_section(section)));
}

// How far `target` can be from an entry that now is at `at`, on xen.gz and on xen.efi.
std::int64_t worst_distance(const Loading& l, std::int64_t now, const LoadingSymbol& symbol) {
    if (symbol.origin != Origin::hypervisor)
        return now;
    std::int64_t worst = now - worst_neighbours;
    if (l.options.efi_map) {
        const auto end_here = l.image.resolve("__2M_rwdata_end");
        const auto end_there = l.options.efi_map->resolve("__2M_rwdata_end");
        const auto here = l.image.resolve(symbol.name);
        const auto there = l.options.efi_map->resolve(symbol.name);
        if (end_here && end_there && here && there)
            worst = std::min(worst, worst + static_cast<std::int64_t>(*there - *here)
                                        - static_cast<std::int64_t>(*end_there - *end_here));
    }
    return worst;
}

void check_bug_frames(const Loading& l, std::uint32_t section, Findings& out) {
    const bool asserts = l.sections[section].name == ".bug_frames.3";
    for (const AppliedRelocation& r : relocations_of(l, section)) {
        if (asserts && r.entry.r_offset % 16 == 12)
            continue; // the message, with 32 bits
        // the line number is in the upper bits of the addend
        const std::int64_t addend =
            static_cast<std::int32_t>(static_cast<std::uint32_t>(r.entry.r_addend) << 8) >> 8;
        const LoadingSymbol& symbol = l.symbols[r.symbol()];
        const Address at = l.sections[section].address + r.entry.r_offset;
        const auto distance =
            static_cast<std::int64_t>(l.symbol(r.symbol()).st_value - at) + addend;
        const std::int64_t worst = worst_distance(l, distance, symbol);
        if (worst >= -bug_reach && worst < bug_reach)
            continue;
        out.push_back(refusal("load.fatal.bug-frame-overflow",
                              fmt::format("{} can be {} KiB away, and a bug frame reaches 8192 "
                                          "KiB: Xen would use a wrong address.",
                                          symbol.name, (worst < 0 ? -worst : worst) >> 10),
                              "Refer to a copy, or to a function that calls it, in the payload.",
                              l.at_section(section)));
    }
}

void check_alternative(const Loading& l, std::uint32_t section, Address at, Findings& out) {
    const RawAlternative a = alternative_at(l, at);
    const Address orig = original_of(a, at), repl = replacement_of(a, at);
    const Loaded& p = *l.result;
    const auto refuse = [&](const char* code, std::string why) {
        out.push_back(refusal(code, std::move(why), {}, l.at_section(section)));
    };
    if (!p.text.contains(orig) || orig + a.orig_len + a.pad_len > p.text.end)
        refuse("load.fatal.alternative-outside",
               fmt::format("An alternative would change {:#x}, which is not the payload's code.",
                           orig));
    if (!p.contains(repl) || !p.contains(repl + a.repl_len))
        refuse("load.fatal.alternative-outside",
               fmt::format("A replacement at {:#x} is not in the payload.", repl));
    if (a.repl_len > a.orig_len + a.pad_len || a.orig_len + a.pad_len > 254)
        refuse("load.fatal.alternative-length",
               "A replacement is longer than the code it replaces, or than 254 bytes.");
    const unsigned feature =
        l.rules.negated_features ? a.cpuid & ~unsigned{negated_feature} : a.cpuid;
    if (feature >= l.rules.feature_words * 32)
        refuse("load.fatal.feature-range",
               fmt::format("An alternative depends on CPU feature {}; this version has {}.",
                           feature, l.rules.feature_words * 32));
    if (a.priv)
        refuse("load.alternative-private", "The field `priv' is not zero: Xen skips the "
                                           "alternative.");
}

// `call *slot(%rip)` at a site that becomes a direct call: the slot is read at upload.
void check_call_slot(const Loading& l, std::uint32_t section, Address site, Findings& out) {
    if (!l.machine.readable(site, 6) || l.machine.get<std::uint16_t>(site) != 0x15ff)
        return;
    const Address slot =
        site + 6 + static_cast<std::uint64_t>(std::int64_t{l.machine.get<std::int32_t>(site + 2)});
    if (!l.image.in_init(slot))
        return;
    Where where = l.at_section(section);
    std::string remedy;
    for (const FunctionRecord& f : l.result->functions)
        if (site >= f.new_address && site - f.new_address < f.new_size) {
            where.function = f.name;
            remedy = "If the fix does not depend on this function, leave it out.";
        }
    const xen::ImageSymbol* symbol = l.image.covering(slot);
    out.push_back(refusal(
        "load.fatal.call-slot-init",
        fmt::format(
            "It calls through the pointer at {:#x}{}, which was resolved at boot and then freed.",
            slot, symbol ? fmt::format(" (in {})", symbol->name) : std::string()),
        std::move(remedy), std::move(where)));
}

void check_alternatives(const Loading& l, std::uint32_t section, Findings& out) {
    const Address begin = l.sections[section].address;
    const std::uint64_t size = l.section_header(section).sh_size;
    const std::size_t entry = l.rules.alternative_size;
    for (std::uint64_t i = 0; i + entry <= size && out.size() < 100; i += entry) {
        check_alternative(l, section, begin + i, out);
        if (l.rules.direct_calls && !l.rules.has_alternative_calls)
            check_call_slot(l, section, original_of(alternative_at(l, begin + i), begin + i), out);
    }
    if (size && l.rules.alternatives_fault_with_ibt && l.image.has_ibt())
        out.push_back(warning("load.alternatives-with-ibt",
                              fmt::format("Xen {} faults when it applies a payload's alternatives "
                                          "on a host with CET-IBT enabled.",
                                          l.version.text()),
                              "Do not load it on such a host.", l.at_section(section)));
}

void check_alternative_calls(const Loading& l, std::uint32_t section, Findings& out) {
    if (!l.rules.has_alternative_calls) {
        out.push_back(refusal("load.alternative-calls.unknown",
                              fmt::format("Xen {} does not support alternative calls of this form.",
                                          l.version.text()),
                              {}, l.at_section(section)));
        return;
    }
    const Address begin = l.sections[section].address;
    for (std::uint64_t i = 0; i + 4 <= l.section_header(section).sh_size; i += 4)
        check_call_slot(
            l, section,
            begin + i
                + static_cast<std::uint64_t>(std::int64_t{l.machine.get<std::int32_t>(begin + i)}),
            out);
}

void check_exceptions(const Loading& l, std::uint32_t section, Findings& out) {
    const Address begin = l.sections[section].address;
    for (std::uint64_t i = 0; i + 8 <= l.section_header(section).sh_size; i += 4) {
        const Address target =
            begin + i
            + static_cast<std::uint64_t>(std::int64_t{l.machine.get<std::int32_t>(begin + i)});
        if (l.result->text.contains(target))
            continue;
        out.push_back(warning("load.exception-outside",
                              fmt::format("An entry refers to {:#x}, which is not the payload's "
                                          "code.",
                                          target),
                              {}, l.at_section(section)));
        return; // one tells enough
    }
}

} // namespace

Findings find_table_hazards(const Loading& l) {
    Findings out;
    for (std::uint32_t i = 1; i < l.sections.size(); ++i) {
        const std::string_view name = l.sections[i].name;
        if (!l.sections[i].placed || l.find_section(name) != i)
            continue;
        if (name.starts_with(".livepatch.hooks."))
            check_hooks(l, i, out);
        else if (name.starts_with(".bug_frames."))
            check_bug_frames(l, i, out);
        else if (name == ".altinstructions")
            check_alternatives(l, i, out);
        else if (name == ".alt_call_sites")
            check_alternative_calls(l, i, out);
        else if (name == ".ex_table")
            check_exceptions(l, i, out);
    }
    return out;
}

} // namespace xlp::load
