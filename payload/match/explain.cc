// SPDX-License-Identifier: GPL-2.0-only
#include "payload/match/explain.h"

#include "payload/base/bytes.h"
#include "payload/match/contrast.h"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>

namespace xlp::match {

namespace {

// Where the image has what a reference means; nothing if it has it not, or not only once.
std::optional<Address> target(const Match& m, const atom::Reference& r, const xen::Image& image) {
    if (r.atom == atom::no_atom)
        return image.resolve(r.external);
    const Address a = m.address(r.atom);
    return a ? std::optional(a) : std::nullopt;
}

// The atom's bytes as the linker would have placed them at `base`; fields that cannot be told are
// as in the image.
Bytes linked_as(const Match& m, const atom::Atom& a, const xen::Image& image, View theirs,
                Address base) {
    Bytes bytes = with_fields_of(a, theirs);
    for (const atom::Reference& r : a.references) {
        const auto to = target(m, r, image);
        if (!to || r.offset + r.width() > bytes.size())
            continue;
        Address value = *to + static_cast<Address>(r.delta);
        if (r.type != R_X86_64_64 && r.type != R_X86_64_32 && r.type != R_X86_64_32S)
            value += static_cast<Address>(std::int64_t{r.bias}) - (base + r.offset);
        std::memcpy(bytes.data() + r.offset, &value, r.width());
    }
    return bytes;
}

// "at +0x1c the source compiles to `x`, the hypervisor has `y`".
std::string first_difference(const Match& m, const atom::Atom& a, const xen::Image& image,
                             std::uint32_t& offset) {
    const AtomMatch& match = m.of(a.id);
    std::string reference;
    if (!match.different.empty()) {
        const Difference& d = match.different.back();
        offset = d.offset;
        reference = fmt::format("at +{:#x} the source refers to {}, the hypervisor to {}", d.offset,
                                d.expected, d.actual);
    }
    if (!xen::is_code(a.section_class))
        return reference;
    const View theirs = image.bytes(match.address, match.size ? match.size : a.bytes.size());
    const Bytes ours = linked_as(m, a, image, theirs, match.address);
    const xen::Range function{match.address,
                              match.address + std::max<std::uint64_t>(a.size, match.size)};
    const auto unlike = first_unlike(ours, theirs, function, disasm::Disassembler());
    if (!unlike || (match.state == State::reference_differs && unlike->offset > offset))
        return reference;
    offset = unlike->offset;
    return fmt::format("at +{:#x} the source compiles to `{}`, the hypervisor has `{}`", offset,
                       readable(unlike->ours, image), readable(unlike->theirs, image));
}

Finding mismatch(const Match& m, const atom::Atom& a, const Diagnosis& diagnosis,
                 const xen::Image& image, const LineOf& line_of) {
    const AtomMatch& match = m.of(a.id);
    std::uint32_t offset = 0;
    const std::string difference = first_difference(m, a, image, offset);
    Where where{m.module().object().name(), a.xen_name(), {}, 0};
    if (line_of)
        if (auto line = line_of(m.module().object(), a.section, a.begin + offset)) {
            where.source = line->file;
            where.line = line->line;
        }
    std::string why = "The hypervisor's code is not what the original source compiles to: ";
    if (match.state == State::size_differs)
        why += fmt::format("{} bytes instead of the hypervisor's {}; ", a.size, match.size);
    why += difference + ".";
    if (diagnosis.cause != Cause::none)
        why += fmt::format(" Likely cause: {}. {}", text(diagnosis.cause), diagnosis.why);
    const bool lines = match.state == State::line_differs;
    return refusal(lines ? "match.line-only" : "match.mismatch", std::move(why), diagnosis.remedy,
                   std::move(where));
}

} // namespace

std::string readable(const disasm::Instruction& i, const xen::Image& image) {
    const auto to = i.target ? i.target : i.memory;
    const xen::ImageSymbol* s = to ? image.covering(*to) : nullptr;
    if (!s)
        return i.text;
    return *to == s->address ? fmt::format("{} <{}>", i.text, s->name)
                             : fmt::format("{} <{}+{:#x}>", i.text, s->name, *to - s->address);
}

Findings explain(const Match& m, std::span<const atom::AtomId> atoms, const Diagnosis& diagnosis,
                 const xen::Image& image, const LineOf& line_of) {
    Findings found;
    for (atom::AtomId id : atoms) {
        const atom::Atom& a = m.module().atom(id);
        const AtomMatch& match = m.of(id);
        const Where where{m.module().object().name(), a.xen_name(), {}, 0};
        switch (match.state) {
        case State::unchecked:
        case State::matched:
            break;
        case State::string_differs:
            found.push_back(note(
                "match.strings",
                fmt::format("They differ only in a string: the source has {}, the hypervisor {}.",
                            match.different.front().expected, match.different.front().actual),
                {}, where));
            break;
        case State::missing:
            found.push_back(refusal(
                "match.missing",
                fmt::format("The hypervisor has no symbol {}. {}", a.xen_name(), diagnosis.why),
                diagnosis.remedy, where));
            break;
        default:
            found.push_back(mismatch(m, a, diagnosis, image, line_of));
        }
    }
    return found;
}

std::optional<Finding> others(const Match& m, std::span<const atom::AtomId> explained,
                              const Diagnosis& diagnosis) {
    std::size_t differ = 0, all = 0;
    for (const atom::Atom& a : m.module().atoms()) {
        if (a.anonymous() || !a.is_function())
            continue;
        ++all;
        const bool told = std::find(explained.begin(), explained.end(), a.id) != explained.end();
        const State s = m.of(a.id).state;
        differ += !told && s != State::unchecked && !same(s);
    }
    if (!differ)
        return std::nullopt;
    return warning("match.others",
                   fmt::format("{} of {} functions that the payload does not replace differ from "
                               "the hypervisor's. Likely cause: {}. {}",
                               differ, all, text(diagnosis.cause), diagnosis.why),
                   diagnosis.remedy, {m.module().object().name(), {}, {}, 0});
}

} // namespace xlp::match
