// SPDX-License-Identifier: GPL-2.0-only
#include "payload/match/trampoline.h"

#include "payload/base/bytes.h"
#include "payload/load/forbidden.h"
#include "payload/match/jump_table.h"
#include "payload/match/xrefs.h"

#include <algorithm>
#include <fmt/format.h>

namespace xlp::match {

namespace {

class Check {
public:
    Check(const xen::Image& image, const Tables& tables, const disasm::Disassembler& d)
        : image_(image), tables_(tables), disassembler_(d) {}

    Findings run(std::span<const Site> sites) {
        std::vector<Range> ranges;
        std::vector<const Site*> usable;
        for (const Site& s : sites) {
            if (!place(s))
                continue;
            usable.push_back(&s);
            ranges.push_back(inside(s));
        }
        const Xrefs xrefs = Xrefs::find(image_, ranges, disassembler_);
        for (const Site* s : usable)
            entries(*s, xrefs);
        overlaps(usable);
        return std::move(found_);
    }

private:
    void error(const Site& s, std::string code, std::string why, std::string remedy = {}) {
        found_.push_back(
            refusal(std::move(code), std::move(why), std::move(remedy), {{}, s.name, {}, 0}));
    }

    // Places that a jump overwrites, but for its first byte, which is a proper entry.
    Range inside(const Site& s) const {
        const Address at = s.address + jump_offset(image_, s.address);
        return {at + 1, at + jump_size};
    }

    // True if the site can hold a jump at all, so that it makes sense to look who enters it.
    bool place(const Site& s) {
        if (image_.in_init(s.address)) {
            error(s, "trampoline.init",
                  "The function is in .init, which the hypervisor frees after boot.",
                  "It no longer exists in the running hypervisor; leave it out.");
            return false;
        }
        if (!image_.in_text(s.address)) {
            error(s, "trampoline.outside-text",
                  fmt::format("{:#x} is not in the hypervisor's text.", s.address));
            return false;
        }
        if (std::string why = load::why_forbidden(image_, s.address, s.name); !why.empty())
            error(s, "trampoline.forbidden", std::move(why),
                  "Patch its callers or callees; leave it out if the fix does not depend on it; or "
                  "reboot into a fixed hypervisor.");
        const std::uint64_t needed = jump_offset(image_, s.address) + jump_size;
        if (s.size < needed) {
            error(s, "trampoline.too-short",
                  fmt::format("The function has {} bytes, but a jump to its replacement takes {}.",
                              s.size, needed),
                  "Replace its callers instead.");
            return false;
        }
        return true;
    }

    bool own(const Site& s, Address from) const {
        if (Range{s.address, s.address + s.size}.contains(from))
            return true;
        const xen::ImageSymbol* c = image_.covering(from);
        return c && c->name.starts_with(s.name + ".cold");
    }

    std::string instruction(Address a) const {
        const elf::Section* home = image_.section_at(a);
        if (!home || a - home->address >= home->bytes.size())
            return {};
        return disassembler_.one(home->bytes.subspan(a - home->address), a).text;
    }

    void own_branch(const Site& s, Address from, Address to) {
        found_.push_back(
            warning("trampoline.own-branch",
                    fmt::format("The old function itself jumps into the bytes that the trampoline "
                                "overwrites: +{:#x}: {}, to +{:#x}. This matters only if the "
                                "function can be running while the payload is applied.",
                                from - s.address, instruction(from), to - s.address),
                    {}, {{}, s.name, {}, 0}));
    }

    void entered(const Site& s, Address to, std::string what) {
        error(s, "trampoline.entered-inside",
              fmt::format("{} points to +{:#x}, into the bytes that the trampoline overwrites.",
                          what, to - s.address),
              "Also replace the function that points there, or replace the callers of this one.");
    }

    void entry(const Site& s, const Xref& x) {
        const std::string where =
            x.symbol.empty() ? fmt::format("{:#x}", x.from) : fmt::format("{}", x.symbol);
        switch (x.kind) {
        case Xref::Kind::branch:
        case Xref::Kind::operand:
            if (own(s, x.from))
                return own_branch(s, x.from, x.to);
            return entered(s, x.to, fmt::format("{} in {}", instruction(x.from), where));
        case Xref::Kind::pointer:
            return entered(s, x.to, fmt::format("A pointer in {}", where));
        case Xref::Kind::possible:
            found_.push_back(
                warning("trampoline.maybe-inside",
                        fmt::format("Code in {} that cannot be decoded may point to +{:#x}, into "
                                    "the bytes that the trampoline overwrites.",
                                    where, x.to - s.address),
                        {}, {{}, s.name, {}, 0}));
            return;
        }
    }

    void entries(const Site& s, const Xrefs& xrefs) {
        const Range r = inside(s);
        for (const Xref& x : xrefs.into(r))
            entry(s, x);
        for (const Exception& e : tables_.exceptions)
            if (r.contains(e.continuation) && !own(s, e.instruction))
                entered(s, e.continuation,
                        fmt::format("The exception table's entry for {:#x}", e.instruction));
            else if (r.contains(e.continuation))
                own_branch(s, e.instruction, e.continuation);
        const View code = image_.bytes(s.address, s.size);
        for (Address to : jump_table_targets(image_, disassembler_.all(code, s.address),
                                             {s.address, s.address + s.size}))
            if (r.contains(to))
                own_branch(s, s.address, to);
    }

    void overlaps(std::vector<const Site*>& sites) {
        std::sort(sites.begin(), sites.end(),
                  [](const Site* a, const Site* b) { return a->address < b->address; });
        for (std::size_t i = 1; i < sites.size(); ++i) {
            const Site &a = *sites[i - 1], &b = *sites[i];
            if (b.address < inside(a).end)
                error(b, "trampoline.overlap",
                      fmt::format("Its trampoline and that of {} overlap.", a.name),
                      "Two names for one function need only one replacement.");
        }
    }

    const xen::Image& image_;
    const Tables& tables_;
    const disasm::Disassembler& disassembler_;
    Findings found_;
};

} // namespace

std::uint64_t jump_offset(const xen::Image& image, Address a) {
    const bool skips = xen::has(image.version(), xen::Feature::skips_endbr);
    return skips && has_endbr(image, a) ? sizeof xen::abi::endbr64 : 0;
}

Findings check_trampolines(const xen::Image& image, const Tables& tables,
                           std::span<const Site> sites, const disasm::Disassembler& d) {
    return Check(image, tables, d).run(sites);
}

} // namespace xlp::match
