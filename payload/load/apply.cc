// SPDX-License-Identifier: GPL-2.0-only
// Application: livepatch_verify_expectation_fn(), apply_payload(), revert_payload() of
// xen/common/livepatch.c,
// arch_livepatch_apply() of xen/arch/x86/livepatch.c.
#include "payload/base/bytes.h"
#include "payload/load/loading.h"
#include "payload/load/record.h"
#include "payload/xen/contract.h"

namespace xlp::load {

namespace {

constexpr std::uint8_t func_applied = 1; // LIVEPATCH_FUNC_APPLIED

Refusal refuse(const Loading& l, const FunctionRecord& f, int error, const char* code,
               std::string log, std::string remedy) {
    log += fmt::format("{}expectations of {} failed (rc={}), aborting!", log.empty() ? "" : "\n",
                       f.name.empty() ? "unknown" : f.name, error);
    return {error, code, std::move(log), std::move(remedy), {l.options.name, f.name, {}, 0}};
}

Step check_expectation(const Loading& l, const FunctionRecord& f) {
    const Expectation& e = f.expect;
    if (!e.enabled)
        return {};
    if (e.reserved)
        return refuse(l, f, -EINVAL, "load.expectations.reserved", {},
                      "Bits 6 and 7 of the expectation's first byte must be zero.");
    if (f.old_size < e.length)
        return refuse(l, f, -ERANGE, "load.expectations.length", {},
                      "The expectation is longer than the function.");
    Bytes actual(e.length);
    l.machine.read(f.old_address, actual.data(), actual.size());
    const View expected(e.data.data(), e.length);
    if (std::memcmp(actual.data(), expected.data(), actual.size()) == 0)
        return {};
    return refuse(l, f, -EINVAL, "load.expectations.mismatch",
                  fmt::format("{}: expectation failed: expected:{}, actual:{}", f.name,
                              hex(expected), hex(actual)),
                  "The code in memory differs from the code that the payload was built against. A "
                  "payload below may have replaced the function.");
}

// What arch_livepatch_apply() writes, and where.
void patch(Loading& l, FunctionRecord& f) {
    f.patch_offset = l.starts_with_endbr(f.old_address) ? sizeof endbr64 : 0;
    std::uint64_t length = jump_size;
    if (!f.new_address) {
        if (f.new_size < f.patch_offset) // an unsigned length of nearly 4 GiB
            throw Fault{f.old_address, true};
        length = f.new_size - f.patch_offset;
    }
    const Address at = f.old_address + f.patch_offset;
    f.replaced.resize(length);
    l.machine.read(at, f.replaced.data(), length);
    f.patch.assign(length, 0x90); // Xen takes longer no-operations of the same effect
    if (f.new_address) {
        f.patch[0] = xen::abi::jump_opcode;
        const auto displacement = static_cast<std::int32_t>(f.new_address - (at + jump_size));
        std::memcpy(f.patch.data() + 1, &displacement, sizeof displacement);
    }
    l.machine.write(at, f.patch.data(), length);
}

void patch_all(Loading& l) {
    const std::uint32_t section = l.find_section(".livepatch.funcs");
    for (std::size_t i = 0; i < l.result->functions.size(); ++i) {
        FunctionRecord& f = l.result->functions[i];
        const Address at = l.sections[section].address + i * l.rules.record_size;
        if (l.rules.state_in_records) {
            if (record_at(l, at).applied == func_applied)
                continue; // with a warning
            if (l.rules.read_only_records_fault && l.sections[section].region == Region::ro)
                throw Fault{at, true};
        }
        patch(l, f);
    }
}

// What a hook does is not modelled, only that it can be called.
void call_hooks(const Loading& l, std::string_view name, bool may_be_null) {
    const std::uint32_t section = l.find_section(name);
    if (!section || !xen::runs_hooks(l.version, name))
        return;
    if (!l.sections[section].address && may_be_null)
        return; // is_hook_enabled(): a section that was not loaded
    const std::uint64_t size = l.section_header(section).sh_size;
    for (std::uint64_t i = 0; i < size; i += sizeof(Address)) {
        const auto hook = l.machine.get<Address>(l.sections[section].address + i);
        if (!l.executable(hook) && (hook || !may_be_null))
            throw Fault{hook, false};
    }
}

// is_hook_enabled()
bool is_enabled(const Loading& l, std::string_view name) {
    const std::uint32_t section = l.find_section(name);
    return section && xen::runs_hooks(l.version, name) && l.sections[section].address
           && l.machine.get<Address>(l.sections[section].address);
}

// livepatch_display_metadata(): what was not loaded was in the upload buffer, which has been freed;
// older loaders have no address for it at all.
void show_metadata(const Loading& l) {
    const std::uint32_t section = l.find_section(".modinfo");
    if (section && l.rules.reworked_sections && !l.sections[section].placed
        && l.section_header(section).sh_size)
        throw Fault{l.sections[section].address, false};
}

} // namespace

Step check_expectations(Loading& l) {
    const std::uint32_t section = l.find_section(".livepatch.funcs");
    if (section && !l.sections[section].placed) // in the upload buffer, which has been freed
        throw Fault{l.sections[section].address, false};
    for (const FunctionRecord& f : l.result->functions)
        if (Step refusal = check_expectation(l, f))
            return refusal;
    return {};
}

Step apply_functions(Loading& l) {
    call_hooks(l, ".livepatch.hooks.preapply", true);
    if (is_enabled(l, ".livepatch.hooks.apply")) {
        call_hooks(l, ".livepatch.hooks.apply", true);
    } else {
        call_hooks(l, ".livepatch.hooks.load", false);
        patch_all(l);
        show_metadata(l);
    }
    call_hooks(l, ".livepatch.hooks.postapply", true);
    return {};
}

Step revert_functions(Loading& l) {
    call_hooks(l, ".livepatch.hooks.prerevert", true);
    if (is_enabled(l, ".livepatch.hooks.revert")) {
        call_hooks(l, ".livepatch.hooks.revert", true);
    } else {
        // in the order of application, as Xen does
        for (const FunctionRecord& f : l.result->functions)
            l.machine.write(f.old_address + f.patch_offset, f.replaced.data(), f.replaced.size());
        call_hooks(l, ".livepatch.hooks.unload", false);
    }
    call_hooks(l, ".livepatch.hooks.postrevert", true);
    return {};
}

} // namespace xlp::load
