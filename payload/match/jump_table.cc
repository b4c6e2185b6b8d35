// SPDX-License-Identifier: GPL-2.0-only
#include "payload/match/jump_table.h"

#include "payload/base/bytes.h"

#include <algorithm>
#include <cstring>

namespace xlp::match {

namespace {
constexpr std::size_t max_entries = 4096;
}

std::vector<xen::Address> jump_table_targets(const xen::Image& image,
                                             std::span<const disasm::Instruction> code,
                                             xen::Range function) {
    std::vector<xen::Address> targets;
    const bool indirect = std::any_of(code.begin(), code.end(), [](const auto& i) {
        return i.indirect && i.flow == disasm::Flow::jump;
    });
    if (!indirect)
        return targets;
    for (const disasm::Instruction& i : code) {
        if (!i.memory || !i.text.starts_with("lea"))
            continue;
        const elf::Section* home = image.section_at(*i.memory);
        if (!home || home->executable())
            continue;
        for (std::size_t n = 0; n < max_entries; ++n) {
            const View entry = image.bytes(*i.memory + 4 * n, 4);
            if (entry.empty())
                break;
            std::int32_t distance;
            std::memcpy(&distance, entry.data(), sizeof distance);
            const xen::Address to = *i.memory + static_cast<xen::Address>(std::int64_t{distance});
            if (!function.contains(to))
                break;
            targets.push_back(to);
        }
    }
    std::sort(targets.begin(), targets.end());
    targets.erase(std::unique(targets.begin(), targets.end()), targets.end());
    return targets;
}

} // namespace xlp::match
