// SPDX-License-Identifier: GPL-2.0-only
// The hypervisor as the host tool sees it: the five calls of Xen's live-patch interface and who it
// is. Semantics and constants: xen/include/public/sysctl.h, xen/common/livepatch.c.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <vector>

namespace xlp::host {

// A Xen error number, positive (ENOENT, EBUSY ...). Xen's numbers are Linux's.
struct XenErrno {
    int code = 0;
    friend bool operator==(XenErrno, XenErrno) = default;
};

template <class T>
using Call = tl::expected<T, XenErrno>;

inline tl::unexpected<XenErrno> xen_error(int code) {
    return tl::unexpected<XenErrno>(XenErrno{code});
}

// LIVEPATCH_STATE_*; a value that is neither is kept as it came.
enum class State : std::uint32_t { checked = 1, applied = 2 };
const char* to_string(State); // "CHECKED", "APPLIED", "unknown": the words of xen-livepatch

struct Status {
    State state = State::checked;
    // 0, -EAGAIN while an action is scheduled (or was refused just then: see Operator), or the
    // negative Xen errno in which the last action ended
    std::int32_t rc = 0;
};

struct Payload {
    std::string name;
    Status status;
    std::string metadata; // `.modinfo` as uploaded: NUL-terminated strings; empty before Xen 4.14
};

// LIVEPATCH_ACTION_*
enum class Action : std::uint32_t { unload = 1, revert = 2, apply = 3, replace = 4 };
const char* to_string(Action); // "unload" ...

inline constexpr std::uint32_t nodeps_flag = 1; // LIVEPATCH_ACTION_APPLY_NODEPS, Xen 4.14+
inline constexpr std::size_t name_limit = 127;  // bytes, XEN_LIVEPATCH_NAME_SIZE less its NUL
inline constexpr std::size_t payload_limit = 2u << 20; // bytes, LIVEPATCH_MAX_SIZE

struct Identity {
    unsigned major = 0, minor = 0;
    std::string extra;           // what follows: ".5", "-rc1"
    std::string build_id;        // lower-case hex; empty when the hypervisor has none
    std::string command_line;    // Xen's own
    std::string version() const; // "4.17.5"
};

class Hypervisor {
public:
    virtual ~Hypervisor() = default;
    // How it is reached, for people: "libxenctrl.so.4.17", "privcmd (interface 0x15)".
    virtual std::string transport() const = 0;
    virtual Call<Identity> identity() = 0;
    // Every payload uploaded, in upload order.
    virtual Call<std::vector<Payload>> list() = 0;
    virtual Call<Status> get(const std::string& name) = 0;
    // `force`: LIVEPATCH_FLAG_FORCE (4.19+); ignored where the interface lacks it.
    virtual Call<void> upload(const std::string& name, std::span<const std::uint8_t> payload,
                              bool force) = 0;
    // Apply, revert and replace return when *scheduled*; poll get() until rc is not -EAGAIN.
    // `timeout_ns`: for the rendezvous of the processors, 0 means Xen's own 30 ms.
    virtual Call<void> act(Action, const std::string& name, std::uint32_t timeout_ns,
                           std::uint32_t flags) = 0;
};

} // namespace xlp::host
