// SPDX-License-Identifier: GPL-2.0-only
// The sections of a payload while it is laid out: contents are appended, places handed out.
#pragma once

#include "payload/base/bytes.h"
#include "payload/elf/writer.h"

#include <map>
#include <string>
#include <string_view>

namespace xlp::emit {

// A place in the payload.
struct Spot {
    std::uint32_t section = 0; // index into NewObject::sections
    std::uint64_t offset = 0;
};

class Sections {
public:
    // The section of that name, made when it is not there yet. Its symbol comes with it.
    std::uint32_t open(std::string_view name, std::uint32_t type, std::uint64_t flags,
                       std::uint64_t align = 1);
    // Appends at the alignment, a power of two; code is padded with int3, other contents with 0.
    Spot append(std::uint32_t section, View bytes, std::uint64_t align);
    Spot append_zero(std::uint32_t section, std::uint64_t size, std::uint64_t align);
    // A NUL-terminated string in .rodata.str; equal ones share a place.
    Spot string(std::string_view);

    // A field at `where` that holds the address (or distance) of a place in the payload.
    void relocate(Spot where, std::uint32_t type, Spot target, std::int64_t addend);
    // ... of a symbol of the hypervisor.
    void relocate(Spot where, std::uint32_t type, const std::string& symbol, std::int64_t addend);

    void name(Spot, std::string name, std::uint64_t size, std::uint8_t type);

    elf::NewObject& object() { return object_; }
    elf::NewSection& section(std::uint32_t index) { return object_.sections[index]; }

private:
    std::uint32_t undefined(const std::string& name);

    elf::NewObject object_;
    std::map<std::string, std::uint32_t, std::less<>> by_name_;
    std::vector<std::uint32_t> section_symbols_;
    std::map<std::string, std::uint32_t, std::less<>> undefined_;
    std::map<std::string, std::uint64_t, std::less<>> strings_;
};

} // namespace xlp::emit
