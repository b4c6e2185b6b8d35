// SPDX-License-Identifier: GPL-2.0-only
// References within the payload that do not lead to what they should.
#include "payload/load/loading.h"

#include <algorithm>
#include <set>

namespace xlp::load {

namespace {

class ReferenceJudge {
public:
    explicit ReferenceJudge(const Loading& l) : l_(l) {
        for (const ResolvedSymbol& s : l.result->symbols)
            if (s.origin == Origin::payload && s.size
                && ELF64_ST_TYPE(l.symbol(s.index).st_info) == STT_FUNC)
                functions_.insert(s.value);
    }

    Findings run() {
        for (const AppliedRelocation& r : relocations_of(l_))
            judge(r);
        return std::move(out_);
    }

private:
    void judge(const AppliedRelocation&);
    void outside(const AppliedRelocation&, std::uint32_t home, Address place);
    void without_endbr(const AppliedRelocation&, Address place);
    bool branch(const AppliedRelocation&) const;

    const Loading& l_;
    std::set<Address> functions_; // starts of the payload's
    std::set<std::pair<std::uint32_t, Address>> said_;
    Findings out_;
};

// Tables whose fields hold more than a place, or a distance from elsewhere; records are not called.
bool of_its_own_kind(std::string_view section) {
    return section.starts_with(".bug_frames") || section.starts_with(".altinstructions")
           || section.starts_with(".ex_table") || section.starts_with(".alt_call_sites")
           || section == ".livepatch.funcs";
}

bool ReferenceJudge::branch(const AppliedRelocation& r) const {
    const Address field = l_.sections[r.target].address + r.entry.r_offset;
    if (r.entry.r_offset < 1)
        return false;
    const auto op = l_.machine.get<std::uint8_t>(field - 1);
    if (op == 0xe8 || op == 0xe9)
        return true;
    return r.entry.r_offset >= 2 && (op & 0xf0) == 0x80
           && l_.machine.get<std::uint8_t>(field - 2) == 0x0f;
}

void ReferenceJudge::judge(const AppliedRelocation& r) {
    const LoadingSection& from = l_.sections[r.target];
    if (of_its_own_kind(from.name) || l_.symbols[r.symbol()].origin != Origin::payload)
        return;
    const Elf64_Sym s = l_.symbol(r.symbol());
    if (s.st_shndx == SHN_UNDEF || s.st_shndx >= l_.sections.size()
        || !l_.sections[s.st_shndx].placed)
        return;
    const Address addend = static_cast<Address>(r.entry.r_addend);
    if (r.type() == R_X86_64_64) {
        outside(r, s.st_shndx, s.st_value + addend);
        without_endbr(r, s.st_value + addend);
        return;
    }
    // of code; what lies in data is a distance from another place
    const bool code = l_.section_header(r.target).sh_flags & SHF_EXECINSTR;
    if (!code || (r.type() != R_X86_64_PC32 && r.type() != R_X86_64_PLT32))
        return;
    outside(r, s.st_shndx, s.st_value + addend + 4);
    if (!branch(r))
        without_endbr(r, s.st_value + addend + 4);
}

void ReferenceJudge::outside(const AppliedRelocation& r, std::uint32_t home, Address place) {
    const LoadingSection& section = l_.sections[home];
    const std::uint64_t size = l_.section_header(home).sh_size;
    // an operand may have up to four bytes of immediate behind it
    const std::uint64_t slack = r.type() == R_X86_64_64 ? 0 : 4;
    if (place + slack >= section.address && place <= section.address + size)
        return;
    if (!said_.insert({home, place}).second)
        return;
    out_.push_back(refusal(
        "load.reference.outside",
        fmt::format("{} refers to {} bytes {} of {}, which belong to something else.",
                    l_.sections[r.target].name,
                    place < section.address ? section.address - place
                                            : place - section.address - size,
                    place < section.address ? "before the start" : "past the end", section.name),
        "Rebuild the payload.", l_.at_section(r.target)));
}

void ReferenceJudge::without_endbr(const AppliedRelocation& r, Address place) {
    if (!l_.image.has_ibt() || !functions_.contains(place) || l_.has_endbr64(place)
        || !said_.insert({0, place}).second)
        return;
    std::string name;
    for (const ResolvedSymbol& s : l_.result->symbols)
        if (s.origin == Origin::payload && s.value == place && s.size)
            name = s.name;
    out_.push_back(
        refusal("load.fatal.no-endbr",
                fmt::format("{} holds its address, but it does not begin with ENDBR64: a call "
                            "through that address faults on CPUs with indirect branch tracking.",
                            l_.sections[r.target].name),
                "Mark the function cf_check, as Xen does.", {l_.options.name, name, {}, 0}));
}

} // namespace

Findings find_reference_hazards(const Loading& l) {
    if (l.result->symbols.size() + 1 < l.symbols.size())
        return {}; // not all are resolved
    return ReferenceJudge(l).run();
}

} // namespace xlp::load
