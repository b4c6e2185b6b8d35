// SPDX-License-Identifier: GPL-2.0-only
#include "payload/match/contrast.h"

#include <algorithm>
#include <cstring>

namespace xlp::match {

namespace {

bool equal_but(const disasm::Instruction& x, const disasm::Instruction& y, disasm::Field f,
               disasm::Field g) {
    if (x.bytes.size() != y.bytes.size() || f.size == 0 || f.offset != g.offset || f.size != g.size)
        return false;
    for (std::size_t i = 0; i < x.bytes.size(); ++i)
        if (x.bytes[i] != y.bytes[i] && (i < f.offset || i >= std::size_t{f.offset} + f.size))
            return false;
    return true;
}

Unlike compare(const disasm::Instruction& x, const disasm::Instruction& y) {
    if (x.data || y.data || x.flow != disasm::Flow::next)
        return Unlike::other;
    if (x.immediate.size >= 2 && equal_but(x, y, x.immediate, y.immediate))
        return Unlike::immediate;
    if (!x.memory && equal_but(x, y, x.displacement, y.displacement))
        return Unlike::displacement;
    return Unlike::other;
}

std::uint64_t immediate(const disasm::Instruction& i) {
    std::uint64_t v = 0;
    std::memcpy(&v, i.bytes.data() + i.immediate.offset,
                std::min<std::size_t>(i.immediate.size, sizeof v));
    return v;
}

} // namespace

std::vector<Contrast> contrast(elf::View ours, elf::View theirs, xen::Address base,
                               const disasm::Disassembler& disassembler) {
    std::vector<Contrast> found;
    std::size_t at = 0;
    while (at < ours.size() && at < theirs.size()) {
        auto x = disassembler.one(ours.subspan(at), base + at);
        const std::size_t size = x.bytes.size();
        if (size > theirs.size() - at
            || !std::equal(x.bytes.begin(), x.bytes.end(), theirs.begin() + at)) {
            auto y = disassembler.one(theirs.subspan(at), base + at);
            const Unlike u = compare(x, y);
            found.push_back({static_cast<std::uint32_t>(at), u, std::move(x), std::move(y)});
            if (u == Unlike::other)
                break;
        }
        at += size;
    }
    return found;
}

elf::Bytes with_fields_of(const atom::Atom& a, elf::View linked) {
    elf::Bytes bytes(a.bytes.begin(), a.bytes.end());
    for (const atom::Reference& r : a.references)
        for (std::size_t i = r.offset;
             i < std::min({r.offset + r.width(), bytes.size(), linked.size()}); ++i)
            bytes[i] = linked[i];
    return bytes;
}

bool only_line_numbers(const std::vector<Contrast>& all) {
    int direction = 0;
    for (const Contrast& c : all) {
        if (c.unlike != Unlike::immediate)
            return false;
        const std::uint64_t n = immediate(c.ours), m = immediate(c.theirs);
        const int this_way = n < m ? 1 : -1;
        if (!n || !m || n > last_line || m > last_line || (direction && direction != this_way))
            return false;
        direction = this_way;
    }
    return direction != 0;
}

bool only_displacements(const std::vector<Contrast>& all) {
    return !all.empty() && std::all_of(all.begin(), all.end(), [](const Contrast& c) {
        return c.unlike == Unlike::displacement;
    });
}

} // namespace xlp::match
