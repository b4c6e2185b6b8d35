// SPDX-License-Identifier: GPL-2.0-only
// is_payload_symbol(), build_symbol_table() of xen/common/livepatch.c.
#include "payload/load/loading.h"

#include <unordered_set>

namespace xlp::load {

namespace {

bool is_payload_symbol(const Loading& l, const LoadingSymbol& symbol, const Elf64_Sym& s) {
    if (s.st_shndx == SHN_UNDEF || s.st_shndx >= l.sections.size())
        return false;
    const Elf64_Xword flags = l.section_header(s.st_shndx).sh_flags;
    if (!(flags & SHF_ALLOC) || symbol.name.empty())
        return false;
    return !(flags & SHF_MERGE) || !symbol.name.starts_with(".L");
}

// as strlcpy(.., KSYM_NAME_LEN) leaves it
std::string_view kept_name(std::string_view name) {
    return name.substr(0, xen::max_symbol_name);
}

Refusal refuse(const Loading& l, std::string_view name, const std::string& other) {
    return {-EEXIST,
            "load.symbol-table.duplicate",
            fmt::format("duplicate new symbol: {}", name),
            fmt::format("{} has a symbol of that name: rename or strip the payload's.",
                        other.empty() ? "The hypervisor" : "Payload " + other),
            {l.options.name, std::string(name), {}, 0}};
}

} // namespace

Step build_symbol_table(Loading& l) {
    std::unordered_set<Address> replacements;
    for (const FunctionRecord& f : l.result->functions)
        replacements.insert(f.new_address);
    Step first;
    for (ResolvedSymbol& resolved : l.result->symbols) {
        const LoadingSymbol& symbol = l.symbols[resolved.index];
        if (!is_payload_symbol(l, symbol, l.symbol(resolved.index))
            || replacements.count(resolved.value))
            continue;
        const std::string_view name = kept_name(symbol.name);
        std::string other;
        if (l.hypervisor_symbol(name) || l.payload_symbol(name, &other)) {
            Refusal duplicate = refuse(l, name, other);
            if (!first)
                first = std::move(duplicate);
            else if (l.remarks.size() < 100) // Xen would only name the first
                l.remarks.push_back(xlp::refusal(duplicate.code, duplicate.log + ".",
                                                 duplicate.remedy, duplicate.where));
            continue;
        }
        resolved.exported = true;
        resolved.name = std::string(name);
    }
    return first;
}

} // namespace xlp::load
