// SPDX-License-Identifier: GPL-2.0-only
#include "payload/match/line_number.h"

#include <algorithm>
#include <cstring>

namespace xlp::match {

namespace {

// The atom's bytes with its reference fields as linked, so that only real differences remain.
elf::Bytes with_linked_fields(const atom::Atom& a, elf::View linked) {
    elf::Bytes bytes(a.bytes.begin(), a.bytes.end());
    for (const atom::Reference& r : a.references)
        for (std::size_t i = r.offset; i < std::min(r.offset + r.width(), bytes.size()); ++i)
            bytes[i] = linked[i];
    return bytes;
}

std::uint64_t immediate(const disasm::Instruction& i) {
    std::uint64_t v = 0;
    std::memcpy(&v, i.bytes.data() + i.immediate.offset,
                std::min<std::size_t>(i.immediate.size, sizeof v));
    return v;
}

bool equal_but_immediate(const disasm::Instruction& x, const disasm::Instruction& y) {
    const disasm::Field f = x.immediate;
    if (x.bytes.size() != y.bytes.size() || f.size < 2 || f.offset != y.immediate.offset
        || f.size != y.immediate.size)
        return false;
    for (std::size_t i = 0; i < x.bytes.size(); ++i)
        if (x.bytes[i] != y.bytes[i] && (i < f.offset || i >= std::size_t{f.offset} + f.size))
            return false;
    return true;
}

} // namespace

bool only_line_numbers(const atom::Atom& a, elf::View linked, xen::Address base,
                       const disasm::Disassembler& disassembler) {
    const elf::Bytes ours = with_linked_fields(a, linked);
    int direction = 0;
    for (std::size_t at = 0; at < ours.size();) {
        const elf::View rest = elf::View(ours).subspan(at);
        const auto x = disassembler.one(rest, base + at);
        const std::size_t size = x.bytes.size();
        if (!std::equal(x.bytes.begin(), x.bytes.end(), linked.begin() + at)) {
            const auto y = disassembler.one(linked.subspan(at), base + at);
            if (x.data || y.data || x.flow != disasm::Flow::next || !equal_but_immediate(x, y))
                return false;
            const std::uint64_t n = immediate(x), m = immediate(y);
            if (!n || !m || n > last_line || m > last_line)
                return false;
            const int this_way = n < m ? 1 : -1;
            if (direction && direction != this_way)
                return false;
            direction = this_way;
        }
        at += size;
    }
    return direction != 0;
}

} // namespace xlp::match
