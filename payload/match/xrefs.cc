// SPDX-License-Identifier: GPL-2.0-only
#include "payload/match/xrefs.h"

#include "payload/base/bytes.h"

#include <algorithm>
#include <cstring>

namespace xlp::match {

namespace {

// Bytes of immediate that can follow a %rip-relative displacement.
constexpr std::uint64_t immediates[] = {0, 1, 2, 4};

struct Candidate {
    Address field = 0;
    unsigned width = 0; // 1 or 4
};

template <class T>
T field(View bytes, std::size_t at) {
    T v;
    std::memcpy(&v, bytes.data() + at, sizeof v);
    return v;
}

template <class T>
Address distance(View bytes, std::size_t at) {
    return static_cast<Address>(std::int64_t{field<T>(bytes, at)});
}

// Sorted ranges, with the outermost borders for a first quick look.
class Targets {
public:
    explicit Targets(std::span<const Range> ranges) : ranges_(ranges.begin(), ranges.end()) {
        std::erase_if(ranges_, [](const Range& r) { return r.begin >= r.end; });
        std::sort(ranges_.begin(), ranges_.end(),
                  [](const Range& a, const Range& b) { return a.begin < b.begin; });
        Address end = 0; // of all ranges so far, so that a look at one neighbour suffices
        for (Range& r : ranges_) {
            end = std::max(end, r.end);
            ends_.push_back(end);
        }
    }
    bool empty() const { return ranges_.empty(); }
    bool contains(Address a) const {
        if (a < ranges_.front().begin || a >= ends_.back())
            return false;
        auto after = std::upper_bound(ranges_.begin(), ranges_.end(), a,
                                      [](Address x, const Range& r) { return x < r.begin; });
        for (auto it = after; it != ranges_.begin();) {
            --it;
            if (it->contains(a))
                return true;
            if (ends_[static_cast<std::size_t>(it - ranges_.begin())] <= a)
                return false;
        }
        return false;
    }
    // Within reach of a branch with an 8-bit distance at `a`.
    bool near(Address a) const {
        return a + 129 >= ranges_.front().begin && a < ends_.back() + 129;
    }

private:
    std::vector<Range> ranges_;
    std::vector<Address> ends_;
};

// Whether the bytes before a field are those of a branch with a distance of that width, or, for
// 32 bits, a ModRM byte that stands for a %rip-relative operand.
bool may_be_branch(View code, std::size_t field, unsigned width) {
    if (field < 1)
        return false;
    const std::uint8_t op = code[field - 1];
    if (width == 1)
        return (op & 0xf0) == 0x70 || op == 0xeb || (op & 0xfc) == 0xe0;
    return op == 0xe8 || op == 0xe9
           || (field >= 2 && code[field - 2] == 0x0f && (op & 0xf0) == 0x80);
}

bool may_be_operand(View code, std::size_t field) {
    return field >= 2 && (code[field - 1] & 0xc7) == 0x05;
}

class Finder {
public:
    Finder(const xen::Image& image, std::span<const Range> ranges,
           const disasm::Disassembler& disassembler)
        : image_(image), targets_(ranges), disassembler_(disassembler) {}

    std::vector<Xref> run() {
        if (targets_.empty())
            return {};
        for (const elf::Section& s : image_.sections()) {
            if (s.bytes.empty())
                continue;
            if (s.executable())
                scan_code(s);
            else
                scan_data(s);
        }
        std::sort(found_.begin(), found_.end(), [](const Xref& a, const Xref& b) {
            return a.to != b.to ? a.to < b.to : a.from < b.from;
        });
        found_.erase(std::unique(found_.begin(), found_.end(),
                                 [](const Xref& a, const Xref& b) {
                                     return a.to == b.to && a.from == b.from;
                                 }),
                     found_.end());
        return std::move(found_);
    }

private:
    void scan_code(const elf::Section& s) {
        for (std::size_t at = 1; at < s.bytes.size(); ++at) {
            const Address field = s.address + at;
            if (at + 4 <= s.bytes.size() && far_target(s, at))
                confirm(s, {field, 4});
            if (targets_.near(field) && may_be_branch(s.bytes, at, 1)
                && targets_.contains(field + 1 + distance<std::int8_t>(s.bytes, at)))
                confirm(s, {field, 1});
        }
    }

    bool far_target(const elf::Section& s, std::size_t at) const {
        const Address end = s.address + at + 4 + distance<std::int32_t>(s.bytes, at);
        if (may_be_branch(s.bytes, at, 4))
            return targets_.contains(end);
        return may_be_operand(s.bytes, at)
               && std::any_of(std::begin(immediates), std::end(immediates),
                              [&](std::uint64_t more) { return targets_.contains(end + more); });
    }

    void scan_data(const elf::Section& s) {
        for (std::size_t at = 0; at + 8 <= s.bytes.size(); ++at) {
            const auto value = field<Address>(s.bytes, at);
            if (targets_.contains(value))
                add(s.address + at, value, Xref::Kind::pointer);
        }
    }

    void add(Address from, Address to, Xref::Kind kind) {
        const xen::ImageSymbol* s = image_.covering(from);
        found_.push_back({from, to, kind, s ? s->name : std::string()});
    }

    // Where decoding can begin so that it is in step with the code at `a`.
    Address start_before(const elf::Section& s, Address a) const {
        if (const xen::ImageSymbol* covering = image_.covering(a))
            return covering->address;
        const auto& symbols = image_.symbols();
        auto after =
            std::upper_bound(symbols.begin(), symbols.end(), a,
                             [](Address x, const xen::ImageSymbol& y) { return x < y.address; });
        return after == symbols.begin() ? s.address
                                        : std::max(s.address, std::prev(after)->address);
    }

    void confirm(const elf::Section& s, const Candidate& c) {
        if (const xen::ImageSymbol* o = image_.covering(c.field); o && o->type == STT_OBJECT)
            return; // data among the code
        Address at = start_before(s, c.field);
        bool clean = true;
        while (at <= c.field) {
            const auto i = disassembler_.one(s.bytes.subspan(at - s.address), at);
            if (i.end() <= c.field) {
                clean &= !i.data;
                at = i.end();
                continue;
            }
            const auto offset = static_cast<std::uint8_t>(c.field - at);
            if (i.target && i.immediate.offset == offset && i.immediate.size == c.width
                && targets_.contains(*i.target))
                return add(at, *i.target, Xref::Kind::branch);
            if (i.memory && i.displacement.offset == offset && c.width == 4
                && targets_.contains(*i.memory))
                return add(at, *i.memory, Xref::Kind::operand);
            // other bytes that happen to look like a field, unless decoding may be out of step
            const Address target =
                c.field + 4 + distance<std::int32_t>(s.bytes, c.field - s.address);
            if ((!clean || i.data) && c.width == 4 && targets_.contains(target))
                add(c.field, target, Xref::Kind::possible);
            return;
        }
    }

    const xen::Image& image_;
    Targets targets_;
    const disasm::Disassembler& disassembler_;
    std::vector<Xref> found_;
};

} // namespace

Xrefs Xrefs::find(const xen::Image& image, std::span<const Range> ranges,
                  const disasm::Disassembler& disassembler) {
    Xrefs x;
    x.all_ = Finder(image, ranges, disassembler).run();
    return x;
}

std::span<const Xref> Xrefs::into(Range r) const {
    auto below = [](const Xref& x, Address a) { return x.to < a; };
    auto first = std::lower_bound(all_.begin(), all_.end(), r.begin, below);
    auto last = std::lower_bound(first, all_.end(), r.end, below);
    return {first, last};
}

} // namespace xlp::match
