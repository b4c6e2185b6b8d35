// SPDX-License-Identifier: GPL-2.0-only
// livepatch_elf_resolve_symbols() of xen/common/livepatch_elf.c.
#include "payload/load/loading.h"

namespace xlp::load {

namespace {

Where at(const Loading& l, const LoadingSymbol& s) {
    return {l.options.name, std::string(s.name), {}, 0};
}

Step undefined(Loading& l, LoadingSymbol& symbol, Address& value) {
    symbol.origin = Origin::hypervisor;
    value = l.hypervisor_symbol(symbol.name);
    if (!value) {
        symbol.origin = Origin::other_payload;
        value = l.payload_symbol(symbol.name, &symbol.other);
    }
    if (value)
        return {};
    return Refusal{
        -ENOENT, "load.symbols.unknown", fmt::format("Unknown symbol: {}", symbol.name),
        "The hypervisor has no symbol of this name: static symbols are named `dir/file.c#name'. "
        "Weak or unused undefined symbols must also resolve, or be removed.",
        at(l, symbol)};
}

Step defined(Loading& l, LoadingSymbol& symbol, std::uint32_t index, Address& value) {
    if (index >= SHN_LORESERVE || index >= l.sections.size())
        return Refusal{index >= SHN_LORESERVE ? -EOPNOTSUPP : -EINVAL, "load.symbols.section",
                       fmt::format("Out of bounds symbol section {:#x}", index),
                       "The file is damaged; rebuild the payload.", at(l, symbol)};
    if (l.is_ignored(l.section_header(index))) {
        symbol.origin = Origin::ignored;
        symbol.ignored = l.rules.knows_ignored_symbols;
    } else {
        value += l.sections[index].address;
    }
    return {};
}

Step resolve(Loading& l, LoadingSymbol& symbol, const Elf64_Sym& s, Address& value) {
    switch (s.st_shndx) {
    case SHN_COMMON:
        return Refusal{-EINVAL, "load.symbols.common",
                       fmt::format("Unexpected common symbol: {}", symbol.name),
                       "Compile with -fno-common.", at(l, symbol)};
    case SHN_UNDEF:
        return undefined(l, symbol, value);
    case SHN_ABS:
        symbol.origin = Origin::absolute;
        return {};
    default:
        return defined(l, symbol, s.st_shndx, value);
    }
}

// All symbols that cannot be resolved, of which Xen would only name the first.
void remark_unknown(Loading& l, std::uint32_t behind) {
    for (std::uint32_t i = behind + 1; i < l.symbols.size() && l.remarks.size() < 100; ++i) {
        Address value = 0;
        if (l.symbol(i).st_shndx != SHN_UNDEF)
            continue;
        if (Step refusal = undefined(l, l.symbols[i], value))
            l.remarks.push_back(
                xlp::refusal(refusal->code, refusal->log + ".", refusal->remedy, refusal->where));
    }
}

} // namespace

Step resolve_symbols(Loading& l) {
    for (std::uint32_t i = 1; i < l.symbols.size(); ++i) {
        LoadingSymbol& symbol = l.symbols[i];
        const Elf64_Sym s = l.symbol(i);
        Address value = s.st_value;
        if (Step refusal = resolve(l, symbol, s, value)) {
            if (refusal->error == -ENOENT)
                remark_unknown(l, i);
            return refusal;
        }
        // into the buffer, as Xen does
        std::memcpy(l.file.data() + symbol.entry + offsetof(Elf64_Sym, st_value), &value,
                    sizeof value);
        l.result->symbols.push_back(
            {i, std::string(symbol.name), value, s.st_size, symbol.origin, symbol.other, false});
    }
    return {};
}

} // namespace xlp::load
