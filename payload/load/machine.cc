// SPDX-License-Identifier: GPL-2.0-only
#include "payload/load/machine.h"

#include <algorithm>

namespace xlp::load {

namespace {
constexpr std::size_t longest_string = 4096;
constexpr std::uint8_t zero = 0;
} // namespace

Machine::Machine(const xen::Image& image, const std::vector<const Loaded*>& below)
    : image_(image), mapped_{image.text()}, below_(below) {
    for (const elf::Section& s : image.object().sections())
        if (s.alloc())
            mapped_.end = std::max(mapped_.end, s.address + s.size);
    mapped_.end = (mapped_.end + 4095) & ~Address{4095};
    for (const Loaded* l : below_)
        for (const FunctionRecord& f : l->functions)
            for (std::size_t i = 0; i < f.patch.size(); ++i)
                written_[f.old_address + f.patch_offset + i] = f.patch[i];
}

const std::uint8_t* Machine::byte_at(Address a) const {
    if (payload_.contains(a))
        return &(*payload_.bytes)[a - payload_.at];
    if (upload_.contains(a))
        return &(*upload_.bytes)[a - upload_.at];
    if (auto it = written_.find(a); it != written_.end())
        return &it->second;
    for (const Loaded* l : below_)
        if (l->contains(a)) {
            const std::uint64_t offset = a - l->base;
            return offset < l->memory.size() ? &l->memory[offset] : &zero;
        }
    if (image_.in_init(a)) // freed and unmapped after boot
        return nullptr;
    if (!mapped_.contains(a))
        return nullptr;
    const elf::Section* s = image_.section_at(a);
    const std::uint64_t offset = s ? a - s->address : 0;
    return s && offset < s->bytes.size() ? &s->bytes[offset] : &zero;
}

void Machine::read(Address a, void* to, std::uint64_t size) const {
    auto* out = static_cast<std::uint8_t*>(to);
    for (std::uint64_t i = 0; i < size; ++i) {
        const std::uint8_t* b = byte_at(a + i);
        if (!b)
            throw Fault{a + i, false};
        out[i] = *b;
    }
}

void Machine::write(Address a, const void* from, std::uint64_t size) {
    const auto* in = static_cast<const std::uint8_t*>(from);
    for (std::uint64_t i = 0; i < size; ++i) {
        const Address at = a + i;
        if (payload_.contains(at))
            (*payload_.bytes)[at - payload_.at] = in[i];
        else if (upload_.contains(at))
            (*upload_.bytes)[at - upload_.at] = in[i];
        else if (byte_at(at))
            written_[at] = in[i];
        else
            throw Fault{at, true};
    }
}

bool Machine::readable(Address a, std::uint64_t size) const {
    for (std::uint64_t i = 0; i < size; ++i)
        if (!byte_at(a + i))
            return false;
    return true;
}

std::string Machine::string(Address a) const {
    std::string s;
    while (s.size() < longest_string) {
        const std::uint8_t* b = byte_at(a + s.size());
        if (!b)
            throw Fault{a + s.size(), false};
        if (!*b)
            break;
        s += static_cast<char>(*b);
    }
    return s;
}

bool Machine::unknown_contents(Address a) const {
    if (payload_.contains(a) || upload_.contains(a) || written_.count(a) || image_.in_init(a))
        return false;
    const elf::Section* s = image_.section_at(a);
    return s && a - s->address >= s->bytes.size();
}

} // namespace xlp::load
