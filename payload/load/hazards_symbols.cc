// SPDX-License-Identifier: GPL-2.0-only
// References that resolve, but not to what they should.
#include "payload/load/loading.h"

#include <set>

namespace xlp::load {

namespace {

Where at(const Loading& l, std::string_view symbol) {
    return {l.options.name, std::string(symbol), {}, 0};
}

void check_init(const Loading& l, Findings& out) {
    if (l.result->symbols.size() + 1 < l.symbols.size())
        return; // not all are resolved
    std::set<std::uint32_t> reported;
    for (const AppliedRelocation& r : relocations_of(l)) {
        const LoadingSymbol& symbol = l.symbols[r.symbol()];
        if (symbol.origin != Origin::hypervisor || reported.count(r.symbol()))
            continue;
        if (!l.image.in_init(l.symbol(r.symbol()).st_value))
            continue;
        reported.insert(r.symbol());
        out.push_back(refusal("load.fatal.init-reference",
                              fmt::format("{} refers to it, and its memory is freed after boot.",
                                          l.sections[r.target].name),
                              "Code and data marked __init cannot be used by a payload.",
                              at(l, symbol.name)));
    }
}

void check_ambiguous(const Loading& l, const ResolvedSymbol& s, Findings& out) {
    if (s.origin == Origin::hypervisor && l.image.find(s.name).size() > 1
        && !l.image.resolve(s.name))
        out.push_back(refusal("load.symbols.ambiguous",
                              "Several symbols of the hypervisor have this name; Xen takes any.",
                              "Refer to another symbol near it, with an offset.", at(l, s.name)));
}

void check_efi(const Loading& l, const ResolvedSymbol& s, Findings& out) {
    if (s.origin == Origin::hypervisor && !l.options.efi_map->resolve(s.name))
        out.push_back(refusal("load.efi.unknown",
                              "xen.efi has no symbol of this name: there the upload fails with "
                              "ENOENT.",
                              {}, at(l, s.name)));
}

} // namespace

Findings find_symbol_hazards(const Loading& l) {
    Findings out;
    for (const ResolvedSymbol& s : l.result->symbols) {
        check_ambiguous(l, s, out);
        if (l.options.efi_map)
            check_efi(l, s, out);
    }
    check_init(l, out);
    return out;
}

} // namespace xlp::load
