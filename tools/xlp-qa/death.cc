// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-qa/death.h"

namespace xlp::qa {

namespace {

bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != text.npos;
}

// "RIP:    e008:[<ffff82d040203fd0>] foo+0x0/0x10" or "   [<ffff82d040203fd0>] R foo+0x0/0x10" to
// "foo+0x0/0x10"; without a symbol, to the address
std::string code_place(std::string_view line) {
    std::size_t open = line.find("[<"), close = line.find(">]");
    if (open == line.npos || close == line.npos || close < open)
        return {};
    std::string_view address = line.substr(open + 2, close - open - 2);
    std::string_view rest = line.substr(close + 2);
    for (std::string_view skip : {" ", "R ", "S ", "F "})
        if (rest.starts_with(skip))
            rest.remove_prefix(skip.size());
    return rest.empty() ? "0x" + std::string(address) : std::string(rest);
}

} // namespace

const char* to_string(DeathKind kind) {
    switch (kind) {
    case DeathKind::panic:
        return "panic";
    case DeathKind::dom0_crash:
        return "dom0-crash";
    case DeathKind::reset:
        return "reset";
    case DeathKind::hang:
        return "hang";
    case DeathKind::emulator:
        return "emulator";
    }
    return "";
}

void Autopsy::feed(const Line& line) {
    const std::string& text = line.text;
    if (line.speaker == Speaker::other && contains(text, "Kernel panic - not syncing")) {
        dom0_ = true;
        dom0_panic_ = text.substr(text.find("Kernel panic"));
    }
    if (line.speaker != Speaker::hypervisor)
        return;
    if (text.starts_with("----[ Xen-")) { // a dump begins; a WARN has one as well
        death_ = {};
        in_trace_ = false;
    }
    if (!death_.log.empty() || text.starts_with("----[ Xen-") || text.starts_with("Panic on CPU"))
        if (death_.log.size() < 200)
            death_.log.push_back(text);
    if (text.starts_with("RIP:"))
        death_.place = code_place(text);
    if (in_trace_) {
        in_trace_ = text.starts_with(" ") && contains(text, "[<");
        if (in_trace_)
            death_.trace.push_back(code_place(text));
    }
    if (text.starts_with("Xen call trace"))
        in_trace_ = true;
    if (reason_next_) {
        reason_next_ = text.empty();
        death_.reason = text;
    } else if (dying_ && death_.reason.starts_with("FATAL PAGE FAULT")
               && text.starts_with("Faulting linear address")) {
        death_.reason += ", f" + text.substr(1);
    }
    if (text.starts_with("Panic on CPU")) {
        dying_ = true;
        reason_next_ = true;
    }
    if (text.starts_with("Hardware Dom0 crashed") || text.starts_with("Domain 0 crashed")) {
        dom0_ = dying_ = complete_ = true;
        death_.reason = text;
    }
    if (dying_ && (text.starts_with("Reboot in") || text.starts_with("Manual reset required")))
        complete_ = true;
}

Death Autopsy::conclude(DeathKind fallback, std::string fallback_reason) const {
    if (!dying_ && !dom0_) {
        Death death; // a dump without a panic is a WARN's, and no cause
        death.kind = fallback;
        death.reason = std::move(fallback_reason);
        return death;
    }
    Death death = death_;
    death.kind = dom0_ ? DeathKind::dom0_crash : DeathKind::panic;
    if (!dom0_panic_.empty())
        death.reason = dom0_panic_;
    return death;
}

} // namespace xlp::qa
