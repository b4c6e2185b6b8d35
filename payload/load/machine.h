// SPDX-License-Identifier: GPL-2.0-only
// The hypervisor's memory as far as a loader touches it: the image, the payloads loaded before,
// the upload buffer and the payload. An access to anything else is what kills the hypervisor.
#pragma once

#include "payload/base/bytes.h"
#include "payload/load/model.h"

#include <cstring>
#include <type_traits>
#include <unordered_map>

namespace xlp::load {

// A page fault in the hypervisor. Thrown inside the model, caught by load().
struct Fault {
    Address address = 0;
    bool write = false;
};

class Machine {
public:
    Machine(const xen::Image& image, const std::vector<const Loaded*>& below);

    // The upload buffer, which is gone when the hypercall returns.
    void map_upload(Address at, Bytes* bytes) { upload_ = {at, bytes}; }
    void unmap_upload() { upload_ = {}; }
    void map_payload(Address at, Bytes* bytes) { payload_ = {at, bytes}; }

    // Copies `size` bytes; throws Fault.
    void read(Address, void* to, std::uint64_t size) const;
    void write(Address, const void* from, std::uint64_t size);

    template <class T>
    T get(Address a) const {
        static_assert(std::is_trivially_copyable_v<T>);
        T value;
        read(a, &value, sizeof value);
        return value;
    }
    template <class T>
    void put(Address a, const T& value) {
        static_assert(std::is_trivially_copyable_v<T>);
        write(a, &value, sizeof value);
    }

    bool readable(Address, std::uint64_t size) const;
    // The NUL-terminated string; Fault if it runs into unmapped memory. Cut after 4 KiB.
    std::string string(Address) const;
    // .bss of the hypervisor: mapped, contents unknown here.
    bool unknown_contents(Address) const;

private:
    struct Buffer {
        Address at = 0;
        Bytes* bytes = nullptr;
        bool contains(Address a) const { return bytes && a >= at && a - at < bytes->size(); }
    };

    const std::uint8_t* byte_at(Address) const; // null if unmapped

    const xen::Image& image_;
    xen::Range mapped_; // of the image, whole pages; the initial part within is gone
    const std::vector<const Loaded*>& below_;
    Buffer upload_, payload_;
    std::unordered_map<Address, std::uint8_t> written_; // over the image and payloads below
};

} // namespace xlp::load
