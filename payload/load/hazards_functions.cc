// SPDX-License-Identifier: GPL-2.0-only
// Function records that Xen's loader accepts and dies of, or that replace the wrong thing.
#include "payload/load/forbidden.h"
#include "payload/load/loading.h"
#include "payload/load/record.h"
#include "payload/xen/padding.h"

#include <algorithm>
#include <set>

namespace xlp::load {

namespace {

struct Judge {
    const Loading& l;
    Findings out;

    Where at(const FunctionRecord& f) const {
        return {
            l.options.name, f.name.empty() ? fmt::format("{:#x}", f.old_address) : f.name, {}, 0};
    }
    void refuse(const FunctionRecord& f, const char* code, std::string why,
                std::string remedy = {}) {
        out.push_back(refusal(code, std::move(why), std::move(remedy), at(f)));
    }
    void warn(const FunctionRecord& f, const char* code, std::string why, std::string remedy = {}) {
        out.push_back(warning(code, std::move(why), std::move(remedy), at(f)));
    }

    void old_code(const FunctionRecord&);
    void old_symbol(const FunctionRecord&, Address start, std::uint64_t size,
                    std::string_view name);
    void in_other_payload(const FunctionRecord&, const Loaded&);
    void new_code(const FunctionRecord&);
    void overlaps();
    void state(std::uint32_t section);
    void absolute_addresses(std::uint32_t section);
    void expectation(const FunctionRecord&);
    void efi(const FunctionRecord&);
};

void Judge::old_symbol(const FunctionRecord& f, Address start, std::uint64_t size,
                       std::string_view name) {
    if (f.old_address != start) {
        std::string why =
            fmt::format("The address is {:#x} bytes into {}.", f.old_address - start, name);
        if (f.new_address)
            refuse(f, "load.old-address.inside", std::move(why),
                   "The jump must be at the start of a function.");
        else
            warn(f, "load.old-address.inside", std::move(why),
                 "Make sure that it overwrites whole instructions.");
        return;
    }
    if (f.old_size > size)
        refuse(f, "load.old-size.exceeds",
               fmt::format("The record says {} bytes, {} has {}.", f.old_size, name, size),
               "Take the size from xen-syms.");
    else if (f.old_size < size && f.new_address)
        warn(f, "load.old-size.less",
             fmt::format("The record says {} bytes, {} has {}.", f.old_size, name, size),
             "Take the size from xen-syms.");
}

void Judge::in_other_payload(const FunctionRecord& f, const Loaded& other) {
    if (!other.text.contains(f.old_address)) {
        refuse(f, "load.fatal.old-address-not-code",
               fmt::format("The address is in payload {}, but not in its code.", other.name));
        return;
    }
    const ResolvedSymbol* best = nullptr;
    for (const ResolvedSymbol& s : other.symbols)
        if (s.origin == Origin::payload && s.size && f.old_address >= s.value
            && f.old_address - s.value < s.size)
            best = &s;
    if (best)
        old_symbol(f, best->value, best->size, best->name);
}

void Judge::old_code(const FunctionRecord& f) {
    if (!f.old_address)
        return;
    if (l.image.in_init(f.old_address)) {
        refuse(f, "load.fatal.old-address-init",
               "The function is marked __init: its memory is freed after boot, and Xen faults.");
        return;
    }
    if (!l.machine.readable(f.old_address, std::max<std::uint32_t>(f.old_size, 1))) {
        refuse(f, "load.fatal.old-address-unmapped",
               fmt::format("There is no code at {:#x}.", f.old_address));
        return;
    }
    for (const Loaded* other : l.options.below)
        if (other->contains(f.old_address)) {
            in_other_payload(f, *other);
            return;
        }
    if (!l.image.text().contains(f.old_address)) {
        refuse(f, "load.fatal.old-address-not-code",
               fmt::format("{:#x} is not in the hypervisor's code.", f.old_address));
        return;
    }
    const xen::ImageSymbol* s = l.image.covering(f.old_address);
    if (s) {
        // padding behind a function may be overwritten with it
        const std::uint64_t padded = xen::padded_size(l.image, *s);
        const bool fits = f.old_size > s->size && f.old_size <= padded;
        old_symbol(f, s->address, fits ? f.old_size : s->size, s->name);
    } else {
        warn(f, "load.old-address.label", "No sized symbol of xen-syms covers the address.",
             "Avoid replacing functions written in assembly.");
    }
    const std::string name = s ? s->name : f.name;
    if (std::string why = why_forbidden(l.image, f.old_address, name); !why.empty())
        refuse(f, "load.fatal.forbidden-function", std::move(why), "It cannot be live-patched.");
    if (std::string why = why_risky(name); !why.empty())
        warn(f, "load.machine-check", std::move(why));
}

void Judge::new_code(const FunctionRecord& f) {
    if (!f.new_address) {
        if (l.rules.knows_endbr && f.old_address && f.new_size < sizeof endbr64
            && l.machine.readable(f.old_address, 4) && l.starts_with_endbr(f.old_address))
            refuse(f, "load.fatal.nop-underflow",
                   "The length of the NOPs includes the 4-byte ENDBR64; with a smaller length, Xen "
                   "overwrites 4 GiB.",
                   "Make new_size at least 5.");
        return;
    }
    const xen::Range text = l.result->text;
    const bool elsewhere =
        l.image.text().contains(f.new_address)
        || std::any_of(l.options.below.begin(), l.options.below.end(),
                       [&](const Loaded* o) { return o->text.contains(f.new_address); });
    if (!text.contains(f.new_address) && !elsewhere)
        refuse(
            f, "load.fatal.new-address",
            fmt::format("The new function at {:#x} is not in executable memory.", f.new_address));
    else if (elsewhere)
        warn(f, "load.new-address.elsewhere", "The new function is not in this payload.");
}

void Judge::overlaps() {
    const auto& all = l.result->functions;
    std::vector<const FunctionRecord*> by_address;
    for (const FunctionRecord& f : all)
        if (f.old_address)
            by_address.push_back(&f);
    std::stable_sort(by_address.begin(), by_address.end(),
                     [](auto* a, auto* b) { return a->old_address < b->old_address; });
    for (std::size_t i = 1; i < by_address.size(); ++i) {
        const FunctionRecord &a = *by_address[i - 1], &b = *by_address[i];
        if (b.old_address - a.old_address < a.old_size)
            refuse(b, "load.fatal.overlap",
                   fmt::format("The record overlaps that of {}: Xen reverts them in the wrong "
                               "order and leaves a jump into freed memory.",
                               a.name.empty() ? fmt::format("{:#x}", a.old_address) : a.name),
                   "Keep one of them.");
    }
}

void Judge::state(std::uint32_t section) {
    const LoadingSection& table = l.sections[section];
    if (!table.placed)
        return;
    if (l.rules.read_only_records_fault && table.region == Region::ro)
        out.push_back(refusal("load.fatal.read-only-records",
                              fmt::format("Xen {} writes to the function records, and faults if "
                                          "they are read-only.",
                                          l.version.text()),
                              "Make .livepatch.funcs writable.", l.at_section(section)));
    for (std::size_t i = 0; i < l.result->functions.size(); ++i) {
        const FunctionRecord& f = l.result->functions[i];
        const RawRecord raw = record_at(l, table.address + i * l.rules.record_size);
        if (!raw.name && f.by_name)
            refuse(f, "load.fatal.name-null", "The record has neither a name nor an old address.");
        if (l.rules.state_in_records && raw.applied)
            refuse(
                f, "load.fatal.applied",
                "The field `applied' is not zero: Xen considers the function already patched.",
                "Fields other than names, addresses, sizes, version and expectation must be zero.");
        else if (raw.applied || raw.patch_offset
                 || std::any_of(std::begin(raw.opaque), std::end(raw.opaque),
                                [](std::uint8_t b) { return b; }))
            warn(f, "load.record-padding", "The record's padding is not zero.");
    }
}

void Judge::absolute_addresses(std::uint32_t section) {
    std::set<std::uint64_t> relocated;
    for (const AppliedRelocation& r : relocations_of(l, section))
        relocated.insert(r.entry.r_offset);
    auto& functions = l.result->functions;
    for (std::size_t i = 0; i < functions.size(); ++i) {
        FunctionRecord& f = functions[i];
        f.absolute = f.old_address && !f.by_name
                     && !relocated.count(i * l.rules.record_size + offsetof(RawRecord, old_addr));
        if (f.absolute)
            warn(f, "load.absolute-address",
                 "The old address is a constant: it is wrong on a host that booted xen.efi of the "
                 "same build.",
                 "Use the function's name, or a relocation for its address.");
    }
}

void Judge::expectation(const FunctionRecord& f) {
    if (!l.rules.records_v2)
        return; // there are none
    if (!f.expect.enabled) {
        out.push_back(note("load.no-expectation",
                           "Xen does not check the old code before it patches it.",
                           "Add an expectation to the record.", at(f)));
        return;
    }
    if (!f.expect.length)
        warn(f, "load.empty-expectation", "The expectation is empty.");
    const Address end = f.old_address + f.expect.length;
    for (const xen::Range& r : l.options.rewritten)
        if (r.begin < end && f.old_address < r.end) {
            warn(f, "load.expectation-rewritten",
                 fmt::format("The hypervisor may rewrite the code at {:#x} at boot: the "
                             "expectation can fail on hosts where it does.",
                             std::max(r.begin, f.old_address)),
                 "Expect fewer bytes.");
            break;
        }
}

void Judge::efi(const FunctionRecord& f) {
    const xen::ImageSymbol* s = l.image.covering(f.old_address);
    if (!s || s->address != f.old_address)
        return;
    const auto there = l.options.efi_map->resolve(s->name);
    if (!there)
        refuse(f, "load.efi.unknown", fmt::format("xen.efi has no function {}.", s->name));
    else if (f.absolute && *there != f.old_address)
        refuse(f, "load.efi.address",
               fmt::format("The old address is a constant, and {} is at {:#x} in xen.efi.", s->name,
                           *there),
               "Use the function's name, or a relocation for its address.");
}

} // namespace

Findings find_function_hazards(const Loading& l) {
    const std::uint32_t section = l.find_section(".livepatch.funcs");
    if (!section || l.result->functions.empty())
        return {};
    Judge judge{l, {}};
    judge.absolute_addresses(section);
    for (const FunctionRecord& f : l.result->functions) {
        judge.old_code(f);
        judge.new_code(f);
        judge.expectation(f);
        if (l.options.efi_map)
            judge.efi(f);
    }
    judge.overlaps();
    judge.state(section);
    return std::move(judge.out);
}

} // namespace xlp::load
