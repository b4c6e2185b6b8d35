// SPDX-License-Identifier: GPL-2.0-only
// Function records: prepare_payload(), resolve_old_address() of xen/common/livepatch.c,
// livepatch_verify_distance() of xen/include/xen/livepatch.h, arch_livepatch_verify_func() of
// xen/arch/x86/livepatch.c.
#include "payload/load/loading.h"
#include "payload/load/record.h"

namespace xlp::load {

namespace {

constexpr std::uint32_t longest_nop = 31;            // LIVEPATCH_OPAQUE_SIZE
constexpr std::int64_t longest_distance = 1LL << 31; // ARCH_LIVEPATCH_RANGE

struct Record {
    Address at;
    RawRecord raw;
    FunctionRecord& out;
};

Refusal refuse(const Loading& l, const Record& r, int error, const char* code, std::string log,
               std::string remedy) {
    return {error, code, std::move(log), std::move(remedy), {l.options.name, r.out.name, {}, 0}};
}

Step resolve_old_address(Loading& l, Record& r) {
    if (r.raw.old_addr)
        return {};
    r.out.by_name = true;
    const std::string name = l.machine.string(r.raw.name);
    r.raw.old_addr = l.hypervisor_symbol(name);
    if (!r.raw.old_addr)
        r.raw.old_addr = l.payload_symbol(name);
    if (!r.raw.old_addr)
        return refuse(l, r, -ENOENT, "load.functions.unknown",
                      fmt::format("Could not resolve old address of {}", name),
                      "The hypervisor has no symbol of this name: static symbols are named "
                      "`dir/file.c#name'.");
    l.machine.put(r.at + offsetof(RawRecord, old_addr), r.raw.old_addr);
    return {};
}

Step verify_sizes(const Loading& l, const Record& r) {
    if (!r.raw.new_addr && l.rules.hooks) {
        if (r.raw.new_size > longest_nop)
            return refuse(l, r, -EOPNOTSUPP, "load.functions.nop-length", {},
                          "At most 31 bytes can be overwritten with NOPs.");
        if (r.raw.old_size < r.raw.new_size)
            return refuse(l, r, -EINVAL, "load.functions.nop-length", {},
                          "More bytes would be overwritten than the function has.");
        return {};
    }
    // knows_endbr false: the old address may still be null, and is not looked at
    const bool endbr = l.rules.knows_endbr && l.starts_with_endbr(r.raw.old_addr);
    const unsigned needed = jump_size + (endbr ? sizeof endbr64 : 0);
    if (r.raw.old_size < needed)
        return refuse(
            l, r, -EINVAL, "load.functions.too-short", {},
            fmt::format(
                "The jump takes {} bytes and the function has {}: replace its callers instead.",
                needed, r.raw.old_size));
    return {};
}

Step verify_distance(const Loading& l, const Record& r) {
    if (!r.raw.new_addr || !l.rules.hooks)
        return {};
    const auto distance = static_cast<std::int64_t>(r.raw.old_addr - r.raw.new_addr);
    if (distance >= -longest_distance && distance < longest_distance)
        return {};
    return refuse(
        l, r, -EOVERFLOW, "load.functions.distance", {},
        "The old and new functions are more than 2 GiB apart: one of the addresses is wrong.");
}

Step prepare(Loading& l, Record& r) {
    const unsigned version = l.rules.records_v2 ? 2 : 1; // LIVEPATCH_PAYLOAD_VERSION
    if (r.raw.version != version)
        return refuse(l, r, -EOPNOTSUPP, "load.functions.version",
                      fmt::format("Wrong version ({}). Expected {}", r.raw.version, version),
                      "Xen 4.14 and later require version 2 records, earlier releases version 1.");
    if (l.rules.hooks ? !r.raw.old_size : !r.raw.new_addr || !r.raw.new_size)
        return refuse(l, r, -EINVAL, "load.functions.no-size", "Address or size fields are zero",
                      l.rules.hooks ? "The size of the old function is required."
                                    : "Xen 4.7 requires a new function and its size.");
    if (l.rules.knows_endbr)
        if (Step refusal = resolve_old_address(l, r))
            return refusal;
    if (Step refusal = verify_sizes(l, r))
        return refusal;
    if (!l.rules.knows_endbr)
        if (Step refusal = resolve_old_address(l, r))
            return refusal;
    return verify_distance(l, r);
}

// For findings; a name that cannot be read is not Xen's problem yet.
std::string readable_name(const Loading& l, Address name) {
    return name && l.machine.readable(name, 1) ? l.machine.string(name) : std::string();
}

} // namespace

Step prepare_functions(Loading& l) {
    const std::uint32_t section = l.find_section(".livepatch.funcs");
    if (!section)
        return {};
    const std::size_t size = l.rules.record_size;
    if (Step refusal = check_multiple(l, section, size))
        return refusal;
    const std::uint64_t count = l.section_header(section).sh_size / size;
    const Address table = l.sections[section].address;
    for (std::uint64_t i = 0; i < count; ++i) {
        const Address at = table + i * size;
        FunctionRecord& out = l.result->functions.emplace_back();
        Record r{at, record_at(l, at), out};
        out.name = readable_name(l, r.raw.name);
        out.new_address = r.raw.new_addr;
        out.old_address = r.raw.old_addr;
        out.new_size = r.raw.new_size;
        out.old_size = r.raw.old_size;
        out.expect = expectation_of(r.raw);
        if (Step refusal = prepare(l, r))
            return refusal;
        out.old_address = r.raw.old_addr;
    }
    return {};
}

} // namespace xlp::load
