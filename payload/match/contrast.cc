// SPDX-License-Identifier: GPL-2.0-only
#include "payload/match/contrast.h"

#include "payload/base/bytes.h"

#include <algorithm>
#include <bit>
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

bool is_nop(const disasm::Instruction& i) {
    return i.text.starts_with("nop") || i.text.starts_with("data16")
           || i.text.starts_with("cs nop");
}

std::string_view mnemonic(const disasm::Instruction& i) {
    return std::string_view(i.text).substr(0, i.text.find(' '));
}

// The same but for its own place and that of other code of the function.
bool alike(const disasm::Instruction& x, const disasm::Instruction& y, xen::Range function) {
    if (x.target && y.target)
        return mnemonic(x) == mnemonic(y)
               && (x.target == y.target
                   || (function.contains(*x.target) && function.contains(*y.target)));
    if (x.memory && y.memory)
        return x.memory == y.memory && mnemonic(x) == mnemonic(y)
               && std::string_view(x.text).substr(std::min(x.text.find("(%rip)"), x.text.size()))
                      == std::string_view(y.text).substr(
                          std::min(y.text.find("(%rip)"), y.text.size()));
    return x.text == y.text && !x.target == !y.target && !x.memory == !y.memory;
}

std::uint64_t immediate(const disasm::Instruction& i) {
    std::uint64_t v = 0;
    std::memcpy(&v, i.bytes.data() + i.immediate.offset,
                std::min<std::size_t>(i.immediate.size, sizeof v));
    return v;
}

} // namespace

std::vector<Contrast> contrast(View ours, View theirs, xen::Address base,
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

std::optional<Contrast> first_unlike(View ours, View theirs, xen::Range function,
                                     const disasm::Disassembler& disassembler) {
    std::size_t at = 0, there = 0;
    while (at < ours.size() && there < theirs.size()) {
        auto x = disassembler.one(ours.subspan(at), function.begin + at);
        if (is_nop(x)) {
            at += x.bytes.size();
            continue;
        }
        auto y = disassembler.one(theirs.subspan(there), function.begin + there);
        if (!is_nop(y)) {
            if (!alike(x, y, function))
                return Contrast{static_cast<std::uint32_t>(at), compare(x, y), std::move(x),
                                std::move(y)};
            at += x.bytes.size();
        }
        there += y.bytes.size();
    }
    return std::nullopt;
}

Bytes with_fields_of(const atom::Atom& a, View linked) {
    Bytes bytes(a.bytes.begin(), a.bytes.end());
    for (const atom::Reference& r : a.references)
        for (std::size_t i = r.offset;
             i < std::min({r.offset + r.width(), bytes.size(), linked.size()}); ++i)
            bytes[i] = linked[i];
    return bytes;
}

bool only_line_numbers(const std::vector<Contrast>& all) {
    // sizes and masks are no line numbers: 256 may well become 512
    auto round = [](std::uint64_t n) {
        return std::has_single_bit(n) || std::has_single_bit(n + 1);
    };
    int direction = 0;
    for (const Contrast& c : all) {
        if (c.unlike != Unlike::immediate)
            return false;
        const std::uint64_t n = immediate(c.ours), m = immediate(c.theirs);
        const int this_way = n < m ? 1 : -1;
        auto is_line = [](std::uint64_t l) { return l >= first_line && l <= last_line; };
        if (!is_line(n) || !is_line(m) || (round(n) && round(m))
            || (direction && direction != this_way))
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
