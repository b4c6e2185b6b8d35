// SPDX-License-Identifier: GPL-2.0-only
// The binary interface of Xen's live-patch hypercall, as far as the raw transport needs it. Our own
// definitions: xen/include/public/sysctl.h hides half of them from tools, and their shape depends
// on the interface version, which changes with nearly every release (docs/xlp.md has the table).
#pragma once

#include <cstddef>
#include <cstdint>

namespace xlp::host::abi {

inline constexpr std::uint64_t hypercall_xen_version = 17; // __HYPERVISOR_xen_version
inline constexpr std::uint64_t hypercall_sysctl = 35;      // __HYPERVISOR_sysctl

// XENVER_*, xen/include/public/version.h
inline constexpr std::uint64_t xenver_version = 0;
inline constexpr std::uint64_t xenver_extraversion = 1;
inline constexpr std::uint64_t xenver_commandline = 9;
inline constexpr std::uint64_t xenver_build_id = 10;
inline constexpr std::size_t extraversion_size = 16;
inline constexpr std::size_t commandline_size = 1024;

inline constexpr std::uint32_t sysctl_livepatch = 27;     // XEN_SYSCTL_livepatch_op
inline constexpr std::uint32_t oldest_interface = 0x0d;   // Xen 4.7
inline constexpr std::uint32_t metadata_interface = 0x13; // Xen 4.14: packed lists, action flags
inline constexpr std::uint32_t newest_interface = 0x16;   // Xen 4.21, 4.22
inline constexpr std::uint32_t force_interface = 0x16;    // 0x15 spans 4.17-4.20, FORCE is 4.19+

enum class Op : std::uint32_t { upload = 0, get = 1, list = 2, action = 3 };

inline constexpr std::uint32_t list_limit = 1024;   // entries a LIST may ask for
inline constexpr std::size_t old_name_stride = 128; // names in a LIST before Xen 4.14

struct Name {
    std::uint64_t address; // of the NUL-terminated name
    std::uint16_t size;    // with its NUL
    std::uint16_t pad[3];
};

struct Upload {
    Name name;
    std::uint64_t size;
    std::uint64_t payload;
};

struct GetStatus {
    std::uint32_t state;
    std::int32_t rc;
};

struct Get {
    Name name;
    GetStatus status;
};

struct List {
    std::uint32_t version, idx, nr, pad;
    std::uint32_t name_total_size, metadata_total_size;
    std::uint64_t status, name, len, metadata, metadata_len;
};

struct OldList { // before Xen 4.14
    std::uint32_t version, idx, nr, pad;
    std::uint64_t status, name, len;
};

struct ActionOp { // flags and pad: Xen 4.14 on; zero and beyond the old structure before
    Name name;
    std::uint32_t cmd, timeout, flags, pad;
};

struct LivepatchOp {
    std::uint32_t cmd, flags;
    union {
        Upload upload;
        Get get;
        List list;
        OldList old_list;
        ActionOp action;
    };
};

struct Sysctl {
    std::uint32_t cmd, interface_version;
    union {
        LivepatchOp livepatch;
        std::uint8_t pad[128];
    };
};

struct BuildId {
    std::uint32_t length; // in: room, out: bytes
    std::uint8_t bytes[64];
};

static_assert(sizeof(Name) == 16 && sizeof(Upload) == 32 && sizeof(Get) == 24);
static_assert(sizeof(List) == 64 && sizeof(OldList) == 40 && sizeof(ActionOp) == 32);
static_assert(sizeof(Sysctl) == 136);

// Linux's /dev/xen/privcmd, include/uapi/xen/privcmd.h.
struct PrivcmdHypercall {
    std::uint64_t op;
    std::uint64_t arg[5];
};

} // namespace xlp::host::abi
