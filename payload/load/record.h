// SPDX-License-Identifier: GPL-2.0-only
// struct livepatch_func of version 2 and struct alt_instr as they lie in memory.
#pragma once

#include "payload/load/model.h"

#include <cstring>

namespace xlp::load {

// xen/include/public/sysctl.h
struct RawRecord {
    std::uint64_t name;
    std::uint64_t new_addr;
    std::uint64_t old_addr;
    std::uint32_t new_size;
    std::uint32_t old_size;
    std::uint8_t version;
    std::uint8_t opaque[31]; // with `applied` and `patch_offset`: loaders before 82182ad7b4,
    std::uint8_t applied;    // padding since then
    std::uint8_t patch_offset;
    std::uint8_t pad[6];
    std::uint8_t expect_head; // bit 0: enabled, bits 1 to 5: length, bits 6 and 7: reserved
    std::uint8_t expect_data[31];

    Expectation expectation() const {
        Expectation e;
        e.enabled = expect_head & 1;
        e.length = (expect_head >> 1) & 0x1f;
        e.reserved = expect_head >> 6;
        std::memcpy(e.data.data(), expect_data, sizeof expect_data);
        return e;
    }
};
static_assert(sizeof(RawRecord) == 104);

// xen/arch/x86/include/asm/alternative.h
#pragma pack(push, 1)
struct RawAlternative {
    std::int32_t orig_offset; // from this field
    std::int32_t repl_offset; // from this field
    std::uint16_t cpuid;
    std::uint8_t orig_len;
    std::uint8_t repl_len;
    std::uint8_t pad_len;
    std::uint8_t priv;
};
#pragma pack(pop)
static_assert(sizeof(RawAlternative) == 14);

inline constexpr std::uint16_t negated_feature = 1U << 15; // ALT_FLAG_NOT

inline Address original_of(const RawAlternative& a, Address at) {
    return at + static_cast<std::uint64_t>(std::int64_t{a.orig_offset});
}
inline Address replacement_of(const RawAlternative& a, Address at) {
    return at + offsetof(RawAlternative, repl_offset)
           + static_cast<std::uint64_t>(std::int64_t{a.repl_offset});
}

} // namespace xlp::load
