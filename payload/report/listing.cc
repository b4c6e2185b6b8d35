// SPDX-License-Identifier: GPL-2.0-only
#include "payload/report/listing.h"

#include "payload/base/bytes.h"

#include <fmt/format.h>

namespace xlp::report {

namespace {

using xen::Address;

struct World {
    const xen::Image& image;
    const load::Loaded* payload; // null for the old code
};

// A string constant in the image or payload, if there is one at the address.
std::string quoted(Address a, const World& w) {
    auto byte = [&](Address at) -> int {
        if (w.payload && w.payload->ro.contains(at))
            return w.payload->memory[at - w.payload->base];
        const elf::Section* s = w.image.section_at(at);
        if (!s || s->name != ".rodata")
            return -1;
        const View b = w.image.bytes(at, 1);
        return b.empty() ? -1 : b[0];
    };
    std::string s;
    for (; s.size() < 48; ++a) {
        const int c = byte(a);
        if (c == 0)
            return s.size() >= 3 ? '"' + s + '"' : std::string();
        if (c == '\n')
            s += "\\n";
        else if (c < ' ' || c > '~')
            return {};
        else
            s += static_cast<char>(c);
    }
    return '"' + s + "...\"";
}

std::string place(Address a, const World& w) {
    if (w.payload && w.payload->contains(a)) {
        if (std::string s = quoted(a, w); !s.empty())
            return s;
        for (const load::ResolvedSymbol& s : w.payload->symbols)
            if (s.origin == load::Origin::payload && !s.name.empty() && a >= s.value
                && a - s.value < s.size)
                return a == s.value ? s.name : fmt::format("{}+{:#x}", s.name, a - s.value);
        for (const load::PlacedSection& s : w.payload->sections)
            if (a >= s.address && a - s.address < s.size)
                return fmt::format("{}+{:#x}", s.name, a - s.address);
        return fmt::format("payload+{:#x}", a - w.payload->base);
    }
    if (const xen::ImageSymbol* s = w.image.covering(a))
        return a == s->address ? s->name : fmt::format("{}+{:#x}", s->name, a - s->address);
    if (std::string s = quoted(a, w); !s.empty())
        return s;
    return fmt::format("{:#x}", a);
}

std::vector<Line> list(View code, Address start, const World& w,
                       const disasm::Disassembler& disassembler) {
    std::vector<Line> lines;
    for (const disasm::Instruction& i : disassembler.all(code, start)) {
        Line line;
        line.offset = i.address - start;
        line.text = line.key = i.text;
        const std::string mnemonic = i.text.substr(0, i.text.find(' '));
        if (i.target && *i.target >= start && *i.target < start + code.size()) {
            line.text = fmt::format("{} +{:#x}", mnemonic, *i.target - start);
            line.key = mnemonic + " inside";
        } else if (i.target) {
            line.text = line.key = mnemonic + " " + place(*i.target, w);
        } else if (i.memory) {
            const std::string name = place(*i.memory, w);
            line.text = fmt::format("{}  # {}", i.text, name);
            // the displacement counts from the instruction and means nothing by itself
            std::string shape = i.text;
            if (auto rip = shape.find("(%rip)"); rip != shape.npos) {
                const auto begin = shape.find_last_of(" ,*", rip);
                shape.erase(begin + 1, rip - begin - 1);
                line.text = fmt::format("{}  # {}", shape, name);
            }
            line.key = fmt::format("{} {}", shape, name);
        }
        lines.push_back(std::move(line));
    }
    return lines;
}

} // namespace

std::vector<Line> old_code(const load::FunctionRecord& f, const xen::Image& image,
                           const disasm::Disassembler& d) {
    return list(image.bytes(f.old_address, f.old_size), f.old_address, {image, nullptr}, d);
}

std::vector<Line> new_code(const load::FunctionRecord& f, const load::Loaded& payload,
                           const xen::Image& image, const disasm::Disassembler& d) {
    if (!payload.contains(f.new_address)
        || f.new_size > payload.memory.size() - (f.new_address - payload.base))
        return {};
    return list(View(payload.memory).subspan(f.new_address - payload.base, f.new_size),
                f.new_address, {image, &payload}, d);
}

} // namespace xlp::report
