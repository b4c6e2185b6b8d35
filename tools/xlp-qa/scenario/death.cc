// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-qa/scenario/death.h"

namespace xlp::qa {

namespace {

constexpr unsigned dumps_borne = 3;
constexpr unsigned last_lines_borne = 400;

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

// A dump that does not get to its call trace was cut off by a fault of its own. Without a stop,
// that goes on for ever.
void Autopsy::begin_dump() {
    broken_dumps_ = in_dump_ ? broken_dumps_ + 1 : 0;
    if (dying_)
        return; // the first dump tells of the cause
    in_dump_ = true;
    in_trace_ = false;
    const bool again = broken_dumps_ > 0;
    if (!again)
        death_ = {}; // one before it was a WARN's
    if (broken_dumps_ >= dumps_borne)
        end_here("it faults repeatedly while reporting a fault");
}

void Autopsy::end_here(std::string reason) {
    dying_ = complete_ = true;
    if (death_.reason.empty())
        death_.reason = std::move(reason);
}

void Autopsy::feed(const Line& line) {
    const std::string& text = line.text;
    if (dying_ && ++last_lines_ > last_lines_borne)
        end_here("it prints endlessly");
    if (line.speaker == Speaker::other && contains(text, "Kernel panic - not syncing")) {
        dom0_ = true;
        dom0_panic_ = text.substr(text.find("Kernel panic"));
    }
    if (line.speaker != Speaker::hypervisor)
        return;
    if (text.starts_with("----[ Xen-"))
        begin_dump();
    if (text.starts_with("*** DOUBLE FAULT ***")) {
        if (dying_ && death_.log.size() > 1)
            end_here("DOUBLE FAULT"); // its report faults in turn
        dying_ = true;
        death_.reason = "DOUBLE FAULT";
    }
    if (in_dump_ || dying_ || text.starts_with("Panic on CPU"))
        if (death_.log.size() < 200)
            death_.log.push_back(text);
    if (text.starts_with("RIP:") && death_.place.empty())
        death_.place = code_place(text);
    if (in_trace_) {
        in_trace_ = text.starts_with(" ") && contains(text, "[<");
        if (in_trace_)
            death_.trace.push_back(code_place(text));
    }
    if (text.starts_with("Xen call trace")) {
        in_trace_ = true;
        in_dump_ = false;
    }
    if (reason_next_) {
        reason_next_ = text.empty();
        death_.reason = text;
    } else if (dying_ && text.starts_with("Faulting linear address")) {
        death_.reason += ", f" + text.substr(1);
    }
    if (text.starts_with("Panic on CPU")) {
        dying_ = true;
        reason_next_ = true;
    }
    if (text.starts_with("Hardware Dom0 crashed") || text.starts_with("Domain 0 crashed")) {
        dom0_ = true;
        death_.reason = text;
        end_here(text);
    }
    if (dying_ && (text.starts_with("Reboot in") || text.starts_with("Manual reset required")))
        complete_ = true;
}

Death Autopsy::conclude(DeathKind fallback, std::string fallback_reason) const {
    // a dump without a panic is a WARN's, and no cause; one that breaks off is
    if (!dying_ && !dom0_ && !in_dump_) {
        Death death;
        death.kind = fallback;
        death.reason = std::move(fallback_reason);
        return death;
    }
    Death death = death_;
    death.kind = dom0_ ? DeathKind::dom0_crash : DeathKind::panic;
    if (!dom0_panic_.empty())
        death.reason = dom0_panic_;
    if (death.reason.empty())
        death.reason = std::move(fallback_reason);
    return death;
}

} // namespace xlp::qa
