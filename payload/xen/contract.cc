// SPDX-License-Identifier: GPL-2.0-only
#include "payload/xen/contract.h"

#include "payload/xen/abi.h"

#include <algorithm>
#include <fmt/format.h>

namespace xlp::xen {

namespace {

const std::vector<ContractRow>& rows() {
    static const std::vector<ContractRow> table = {
        {Feature::hooks,
         {{4, 8, 0}},
         {},
         {},
         "",
         "Load and unload hooks are run; a record without a new function replaces the old one with "
         "NOPs; a payload with writable data cannot be re-applied after a revert; the distance of "
         "the jump and the sizes of `.bss` and relocation tables are checked."},
        {Feature::checked_relocation_symbols,
         {{4, 7, 4}, {4, 8, 2}, {4, 9, 1}, {4, 10, 0}},
         {},
         {},
         "2ff229643b",
         "A relocation without a symbol is refused; earlier releases crash."},
        {Feature::tightened_sections,
         {{4, 10, 0}},
         {},
         {},
         "c3f951417f, 7597fabca7, 66d3f83db6",
         "The alignment of sections is checked; an empty `.ex_table` is accepted; a payload "
         "without any writable section may be re-applied."},
        {Feature::long_alternatives,
         {{4, 11, 0}},
         {},
         {},
         "",
         "An entry of `.altinstructions` has 14 bytes instead of 12."},
        {Feature::direct_calls,
         {{4, 13, 0}},
         {},
         {},
         "67d01cdb55",
         "A call through a pointer can become a direct call: the pointer is read when the payload "
         "is uploaded."},
        {Feature::logged_reasons,
         {{4, 13, 0}},
         {},
         {},
         "",
         "Non-debug builds log why they refuse a payload."},
        {Feature::path_qualified_names,
         {{4, 13, 0}},
         {},
         {},
         "",
         "Static functions are looked up as `dir/file.c#name` instead of `file.c#name`."},
        {Feature::records_v2,
         {{4, 14, 0}},
         {},
         {},
         "",
         "Function records have 104 bytes instead of 64, including the expected bytes at the old "
         "function. The loader requires `.livepatch.xen_depends` and compares it with the "
         "hypervisor, accepts payloads without `.livepatch.funcs`, runs the pre-, post- and "
         "replacement hooks, and keeps `.modinfo`."},
        {Feature::places_empty_sections,
         {{4, 14, 5}, {4, 15, 3}, {4, 16, 1}, {4, 17, 0}},
         {},
         {4, 8, 0},
         "0dc1f929e8, 9120b5737f",
         "Empty allocated sections have an address."},
        {Feature::knows_ignored_symbols,
         {{4, 14, 5}, {4, 15, 3}, {4, 16, 1}, {4, 17, 0}},
         {},
         {},
         "0dc1f929e8, 9120b5737f",
         "A relocation against a symbol in a section that is not loaded is refused; earlier "
         "releases silently use a wrong address."},
        {Feature::skips_endbr,
         {{4, 14, 5}, {4, 15, 3}, {4, 16, 1}, {4, 17, 0}},
         {},
         {},
         "6974c75180, 5142dc5c25",
         "The jump goes after an ENDBR64 at the start of the old function, which must be long "
         "enough for both."},
        {Feature::knows_poisoned_endbr,
         {{4, 17, 0}},
         {},
         {},
         "",
         "An ENDBR64 that boot overwrote counts as one."},
        {Feature::window_behind_data,
         {{4, 17, 0}},
         {},
         {},
         "",
         "Payloads are placed after the hypervisor's data, without alignment to 2 MiB."},
        {Feature::alternatives_fault_with_ibt,
         {{4, 17, 0}},
         {{4, 17, 4}, {4, 18, 2}, {4, 19, 0}},
         {},
         "fixed by 4be1fef1e6",
         "A payload with alternatives crashes a host whose CPUs have IBT."},
        {Feature::read_only_records,
         {{4, 16, 4}, {4, 17, 1}, {4, 18, 0}},
         {},
         {},
         "8676092a0f",
         "Only `.text` is writable while a payload is applied. Until the change two rows below, "
         "the loader itself writes to `.livepatch.funcs`, and crashes if that section is "
         "read-only."},
        {Feature::read_only_rodata,
         {{4, 16, 4}, {4, 17, 1}, {4, 18, 0}},
         {{4, 17, 4}, {4, 18, 2}, {4, 19, 0}},
         {},
         "8676092a0f; ended by 4be1fef1e6",
         "The hypervisor's `.rodata` is read-only while payloads are applied."},
        {Feature::state_outside_records,
         {{4, 17, 3}, {4, 18, 1}, {4, 19, 0}},
         {},
         {},
         "82182ad7b4",
         "The loader keeps its state outside `.livepatch.funcs`."},
        {Feature::checked_alternative_ranges,
         {{4, 17, 4}, {4, 18, 0}},
         {},
         {},
         "e74360e4ba",
         "Alternatives must be within the payload's `.text` and `.altinstr_replacement`."},
        {Feature::reworked_sections,
         {{4, 18, 4}, {4, 19, 1}, {4, 20, 0}},
         {},
         {},
         "fa49f4be41, 8c81423038, aa5a06d5d6",
         "The hypervisor's build-id is checked before anything is loaded; errors in notes and "
         "alternatives are propagated."},
        {Feature::negated_features,
         {{4, 17, 6}, {4, 18, 5}, {4, 19, 3}, {4, 20, 1}, {4, 21, 0}},
         {},
         {},
         "328ed39c59",
         "Bit 15 of an alternative's feature negates it."},
        {Feature::alternative_call_table,
         {{4, 21, 0}},
         {},
         {},
         "d2fd5f0fcd",
         "Alternative calls are listed in `.alt_call_sites`."},
    };
    return table;
}

std::string versions(const std::vector<Version>& list) {
    std::string text;
    for (const Version& v : list)
        text += (text.empty() ? "" : ", ") + v.text();
    return text;
}

} // namespace

std::span<const ContractRow> contract() {
    return rows();
}

bool has(Version v, Feature feature) {
    const auto row = std::find_if(rows().begin(), rows().end(),
                                  [&](const ContractRow& r) { return r.feature == feature; });
    return v < row->before || (has_since(v, row->since) && !has_since(v, row->until));
}

bool runs_hooks(Version v, std::string_view section) {
    const bool oldest_kinds =
        section == ".livepatch.hooks.load" || section == ".livepatch.hooks.unload";
    return has(v, oldest_kinds ? Feature::hooks : Feature::records_v2);
}

unsigned feature_words(Version v) {
    if (v < Version{4, 13, 0})
        return 11;
    if (v < Version{4, 14, 0})
        return 13;
    if (v < Version{4, 17, 0})
        return 20;
    return v < Version{4, 21, 0} ? 21 : 22;
}

std::string contract_document() {
    std::string text =
        "# What differs between versions of Xen\n\n"
        "Generated from `payload/xen/contract.cc`, which the emitter, the loader model, the "
        "matcher\n"
        "and the host tool use. A unit test fails if this page is stale, and says how to "
        "regenerate "
        "it.\n\n"
        "A row applies from the listed point release of each branch, and to all newer branches. "
        "The\nversions come from the tags of xen.git.\n\n"
        "| since | until | what | commits |\n|---|---|---|---|\n";
    for (const ContractRow& r : rows()) {
        std::string since = versions(r.since);
        if (r.before != Version{})
            since += fmt::format("; also before {}", r.before.text());
        text += fmt::format("| {} | {} | {} | {} |\n", since, versions(r.until), r.what, r.commits);
    }
    text += fmt::format(
        "\n"
        "## Sizes and limits\n"
        "\n"
        "| what | value | from |\n"
        "|---|---|---|\n"
        "| largest payload | {} bytes | `xen/include/public/sysctl.h` |\n"
        "| sections of a payload | {} | `xen/common/livepatch_elf.c` |\n"
        "| a payload's name, including its NUL | {} bytes | `xen/include/public/sysctl.h` |\n"
        "| function record, version 1 and 2 | {} and {} bytes | `xen/include/public/sysctl.h` |\n"
        "| expected bytes at the old function | up to {} | `xen/include/public/sysctl.h` |\n"
        "| jump to the new function | {} bytes | `xen/arch/x86/livepatch.c` |\n",
        abi::max_payload_size, abi::max_sections, abi::name_size, abi::function_size_v1,
        abi::function_size_v2, abi::max_expectation, abi::jump_size);
    return text;
}

} // namespace xlp::xen
