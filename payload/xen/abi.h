// SPDX-License-Identifier: GPL-2.0-only
// What a payload and the hypervisor's tables look like in memory, and what the loader allows: the
// one place for layouts, sizes and limits. Since when each holds is in payload/xen/contract.h.
#pragma once

#include "payload/base/bytes.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace xlp::xen::abi {

// --- struct livepatch_func, xen/include/public/sysctl.h

// Both versions begin alike.
struct FunctionHead {
    std::uint64_t name;     // address of the name that the old function is looked up by
    std::uint64_t new_addr; // 0: the old function becomes no-operations
    std::uint64_t old_addr; // 0: looked up by name
    std::uint32_t new_size;
    std::uint32_t old_size;
    std::uint8_t version; // 1 or 2
};

// Version 2: since Xen 4.14.
struct Function {
    std::uint64_t name;
    std::uint64_t new_addr;
    std::uint64_t old_addr;
    std::uint32_t new_size;
    std::uint32_t old_size;
    std::uint8_t version;
    std::uint8_t opaque[31]; // with `applied` and `patch_offset`: state of loaders up to 4.17.2;
    std::uint8_t applied;    // padding since then
    std::uint8_t patch_offset;
    std::uint8_t pad[6];
    std::uint8_t expect_head; // bit 0: enabled, bits 1 to 5: length, bits 6 and 7: reserved
    std::uint8_t expect_data[31];
};
static_assert(sizeof(Function) == 104);
static_assert(offsetof(FunctionHead, version) == offsetof(Function, version));

inline constexpr std::size_t function_size_v1 = 64;
inline constexpr std::size_t function_size_v2 = sizeof(Function);
inline constexpr std::size_t max_expectation = sizeof(Function::expect_data);

// The size of a record that says of itself that it is of this version; 0 for other versions.
constexpr std::size_t function_size(unsigned version) {
    return version == 1 ? function_size_v1 : version == 2 ? function_size_v2 : 0;
}

// --- struct alt_instr, xen/arch/x86/include/asm/alternative.h

#pragma pack(push, 1)
struct Alternative {          // since Xen 4.11; before, it ends with repl_len
    std::int32_t orig_offset; // from this field
    std::int32_t repl_offset; // from this field
    std::uint16_t cpuid;
    std::uint8_t orig_len;
    std::uint8_t repl_len;
    std::uint8_t pad_len;
    std::uint8_t priv;
};
#pragma pack(pop)
static_assert(sizeof(Alternative) == 14);

inline constexpr std::size_t alternative_size_old = offsetof(Alternative, pad_len);
inline constexpr std::uint16_t negated_feature = 1U << 15; // ALT_FLAG_NOT

// --- struct bug_frame, xen/arch/x86/include/asm/bug.h: asserts have a second half

inline constexpr std::size_t bug_frame_size = 8;
inline constexpr std::size_t assert_frame_size = 16;
inline constexpr unsigned assert_frame = 3; // .bug_frames.3

// --- struct exception_table_entry and .alt_call_sites

inline constexpr std::size_t exception_size = 8;
inline constexpr std::size_t alternative_call_size = 4; // of an entry
inline constexpr std::size_t alternative_call_code = 6; // call *disp32(%rip)

// --- code

inline constexpr std::size_t jump_size = 5; // ARCH_PATCH_INSN_SIZE: jmp disp32
inline constexpr std::uint8_t jump_opcode = 0xe9;
inline constexpr std::uint8_t endbr64[4] = {0xf3, 0x0f, 0x1e, 0xfa};
inline constexpr std::uint8_t endbr64_poison[4] = {0x66, 0x0f, 0x1f, 0x01}; // asm/endbr.h

inline bool begins_with_endbr64(View code) {
    return code.size() >= sizeof endbr64
           && std::equal(std::begin(endbr64), std::end(endbr64), code.begin());
}

// --- limits

inline constexpr std::size_t max_payload_size = 2U << 20; // LIVEPATCH_MAX_SIZE, sysctl.h
inline constexpr std::size_t max_sections = 1023;         // xen/common/livepatch_elf.c
inline constexpr std::size_t name_size = 128; // XEN_LIVEPATCH_NAME_SIZE, the NUL included

} // namespace xlp::xen::abi
