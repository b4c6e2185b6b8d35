// SPDX-License-Identifier: GPL-2.0-only
// References that resolve, but not to what they should.
#include "payload/base/bytes.h"
#include "payload/load/loading.h"

#include <cstring>
#include <map>
#include <set>

namespace xlp::load {

namespace {

Where at(const Loading& l, std::string_view symbol) {
    return {l.options.name, std::string(symbol), {}, 0};
}

// Those of `targets` that code which stays after boot refers to: a displacement relative to %rip,
// with or without an immediate operand behind it. Such code does not run after boot (the branch of
// a function for the boot CPU), and a replacement for it has the same references.
std::set<Address> referred_by_staying_code(const xen::Image& image,
                                           const std::set<Address>& targets) {
    const xen::Range text = image.text();
    const View code = image.bytes(text.begin, text.end - text.begin);
    std::set<Address> found;
    for (std::size_t at = 0; at + 4 <= code.size(); ++at) {
        std::int32_t displacement = 0;
        std::memcpy(&displacement, &code[at], sizeof displacement);
        const Address next = text.begin + at + 4;
        for (const unsigned immediate : {0U, 1U, 2U, 4U}) {
            const Address target = next + immediate + static_cast<std::int64_t>(displacement);
            if (image.in_init(target) && targets.count(target))
                found.insert(target);
        }
    }
    return found;
}

void check_init(const Loading& l, Findings& out) {
    if (l.result->symbols.size() + 1 < l.symbols.size())
        return;                                       // not all are resolved
    std::map<std::uint32_t, std::uint32_t> referring; // symbol: section that refers to it
    std::set<Address> targets;
    for (const AppliedRelocation& r : relocations_of(l)) {
        const Address target = l.symbol(r.symbol()).st_value;
        if (l.symbols[r.symbol()].origin == Origin::hypervisor && l.image.in_init(target)
            && referring.emplace(r.symbol(), r.target).second)
            targets.insert(target);
    }
    if (targets.empty())
        return;
    const std::set<Address> usual = referred_by_staying_code(l.image, targets);
    for (const auto& [symbol, section] : referring) {
        const std::string why = fmt::format("{} refers to it, and its memory is freed after boot",
                                            l.sections[section].name);
        const Where where = at(l, l.symbols[symbol].name);
        if (usual.count(l.symbol(symbol).st_value))
            out.push_back(note("load.init-reference",
                               why + "; so does code of the hypervisor that stays resident.", {},
                               where));
        else
            out.push_back(refusal("load.fatal.init-reference", why + ".",
                                  "Code and data marked __init cannot be used by a payload.",
                                  where));
    }
}

void check_ambiguous(const Loading& l, const ResolvedSymbol& s, Findings& out) {
    if (s.origin == Origin::hypervisor && l.image.find(s.name).size() > 1
        && !l.image.resolve(s.name))
        out.push_back(
            refusal("load.symbols.ambiguous",
                    "Several symbols of the hypervisor have this name; Xen may use any of them.",
                    "Refer to another symbol near it, with an offset.", at(l, s.name)));
}

void check_efi(const Loading& l, const ResolvedSymbol& s, Findings& out) {
    if (s.origin == Origin::hypervisor && !l.options.efi_map->resolve(s.name))
        out.push_back(
            refusal("load.efi.unknown",
                    "xen.efi has no symbol of this name: on it, the upload fails with ENOENT.", {},
                    at(l, s.name)));
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
