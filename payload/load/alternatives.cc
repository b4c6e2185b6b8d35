// SPDX-License-Identifier: GPL-2.0-only
// Alternatives and alternative calls: prepare_payload() of xen/common/livepatch.c,
// _apply_alternatives() and apply_alt_calls() of xen/arch/x86/alternative.c. Which alternative is
// taken depends on the processor: the payload's bytes stay as they are.
#include "payload/load/loading.h"
#include "payload/load/record.h"

namespace xlp::load {

namespace {

constexpr unsigned longest_patch = 254; // MAX_PATCH_LEN
constexpr std::uint64_t call_size = 6;  // ALT_CALL_LEN: call *disp32(%rip)
constexpr std::uint64_t call_entry_size = 4;

Refusal refuse(const Loading& l, std::uint32_t section, int error, const char* code,
               std::string log, std::string remedy) {
    return {error, code, std::move(log), std::move(remedy), l.at_section(section)};
}

// [at, at + size) inside [begin, begin + whole), with Xen's comparisons, which may wrap
bool inside(Address at, std::uint64_t size, Address begin, std::uint64_t whole) {
    return at >= begin && size <= whole && at + size <= begin + whole;
}

Step check_range(const Loading& l, std::uint32_t section, std::uint32_t replacements,
                 const RawAlternative& a, Address at) {
    const Address text = l.result->text.begin;
    const Address orig = original_of(a, at), repl = replacement_of(a, at);
    if (!inside(orig, a.orig_len, text, l.text_size))
        return refuse(l, section, -EINVAL, "load.alternatives.outside",
                      fmt::format("Alternative orig {:016x}+{} outside payload text {:016x}+{}",
                                  orig, alternate_hex(a.orig_len), text,
                                  alternate_hex(l.text_size)),
                      "Alternatives can only be applied to the payload's code.");
    const Address begin = l.sections[replacements].address;
    const std::uint64_t size = l.section_header(replacements).sh_size;
    if (!inside(repl, a.repl_len, begin, size))
        return refuse(l, section, -EINVAL, "load.alternatives.outside",
                      fmt::format("Alternative repl {:016x}+{} outside .altinstr_replacement "
                                  "{:016x}+{}",
                                  repl, alternate_hex(a.repl_len), begin, alternate_hex(size)),
                      "Replacements must be in .altinstr_replacement.");
    return {};
}

// BUG_ON() before aa5a06d5d6, an error since
Step reject(const Loading& l, std::uint32_t section, Address at, int error, const char* code,
            const char* remedy) {
    if (!l.rules.reworked_sections)
        throw Fault{at, false};
    return refuse(l, section, error, code, fmt::format("applying alternatives failed: {}", error),
                  remedy);
}

// The call through a pointer that becomes a direct one: the pointer is read now.
void read_call_target(const Loading& l, Address orig) {
    const auto displacement = l.machine.get<std::int32_t>(orig + 2);
    l.machine.get<Address>(orig + 6 + static_cast<std::uint64_t>(std::int64_t{displacement}));
}

bool is_call_pattern(const Loading& l, const RawAlternative& a, Address orig, Address repl) {
    if (!l.rules.direct_calls || l.rules.has_alternative_calls || a.repl_len < 5 || a.orig_len < 6)
        return false;
    const auto opcode = l.machine.get<std::uint8_t>(repl);
    return (opcode & 0xfe) == 0xe8 && l.machine.get<std::int32_t>(repl + 1) == -5
           && l.machine.get<std::uint8_t>(orig) == 0xff
           && l.machine.get<std::uint8_t>(orig + 1) == (opcode & 1 ? 0x25 : 0x15);
}

Step apply(const Loading& l, std::uint32_t section, const RawAlternative& a, Address at) {
    const unsigned total = a.orig_len + a.pad_len;
    const unsigned feature =
        l.rules.negated_features ? a.cpuid & ~unsigned{negated_feature} : a.cpuid;
    if (a.repl_len > total)
        return reject(l, section, at, -ENOSPC, "load.alternatives.length",
                      "A replacement is longer than the code it replaces.");
    if (total > longest_patch)
        return reject(l, section, at, -ENOSPC, "load.alternatives.length",
                      "An alternative may have 254 bytes at most.");
    if (feature >= l.rules.feature_words * 32)
        return reject(l, section, at, -ERANGE, "load.alternatives.feature",
                      "This version of Xen has no such CPU feature.");
    const Address orig = original_of(a, at), repl = replacement_of(a, at);
    // not checked before e74360e4ba; a processor without the feature would pass over it
    if (!l.machine.readable(repl, a.repl_len))
        throw Fault{repl, false};
    if (!l.machine.readable(orig, total))
        throw Fault{orig, true};
    if (is_call_pattern(l, a, orig, repl))
        read_call_target(l, orig);
    return {};
}

} // namespace

Step prepare_alternatives(Loading& l) {
    const std::uint32_t section = l.find_section(".altinstructions");
    if (!section)
        return {};
    const std::size_t entry = l.rules.alternative_size;
    if (Step refusal = check_multiple(l, section, entry))
        return refusal;
    const std::uint64_t size = l.section_header(section).sh_size;
    const Address begin = l.sections[section].address;
    std::uint32_t replacements = 0;
    if (l.rules.checks_alternative_ranges) {
        if (!size)
            return {};
        if (!l.text_size)
            return refuse(l, section, -EINVAL, "load.alternatives.no-text",
                          "Alternatives provided, but no .text",
                          "Alternatives can only be applied to the payload's code.");
        replacements = l.find_section(".altinstr_replacement");
        if (!replacements)
            return refuse(l, section, -EINVAL, "load.alternatives.no-replacements",
                          ".altinstructions provided, but no .altinstr_replacement",
                          "Include .altinstr_replacement, even if it is empty.");
        for (Address at = begin; at < begin + size; at += entry)
            if (Step refusal = check_range(l, section, replacements, alternative_at(l, at), at))
                return refusal;
    }
    for (Address at = begin; at < begin + size; at += entry)
        if (Step refusal = apply(l, section, alternative_at(l, at), at))
            return refusal;
    return {};
}

Step prepare_alternative_calls(Loading& l) {
    const std::uint32_t section = l.find_section(".alt_call_sites");
    if (!section || !l.rules.has_alternative_calls)
        return {};
    if (Step refusal = check_multiple(l, section, call_entry_size))
        return refusal;
    const std::uint64_t size = l.section_header(section).sh_size;
    if (!size)
        return {};
    if (!l.text_size)
        return refuse(l, section, -EINVAL, "load.alternative-calls.no-text",
                      "Alternative calls provided, but no .text",
                      "Alternative calls can only be in the payload's code.");
    const Address begin = l.sections[section].address;
    const auto site = [&](Address at) {
        return at + static_cast<std::uint64_t>(std::int64_t{l.machine.get<std::int32_t>(at)});
    };
    for (Address at = begin; at < begin + size; at += call_entry_size)
        if (!inside(site(at), call_size, l.result->text.begin, l.text_size))
            return refuse(
                l, section, -EINVAL, "load.alternative-calls.outside",
                fmt::format("Alternative call {:016x}+{:#x} outside payload text {:016x}+{}",
                            site(at), call_size, l.result->text.begin, alternate_hex(l.text_size)),
                "Alternative calls can only be in the payload's code.");
    for (Address at = begin; at < begin + size; at += call_entry_size) {
        const auto code = l.machine.get<std::array<std::uint8_t, 2>>(site(at));
        if (code[0] != 0xff || code[1] != 0x15)
            return refuse(l, section, -EINVAL, "load.alternative-calls.code",
                          "Applying alternative calls failed: -22",
                          "An alternative call is not `call *disp32(%rip)'.");
        read_call_target(l, site(at));
    }
    return {};
}

} // namespace xlp::load
