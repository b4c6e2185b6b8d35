// SPDX-License-Identifier: GPL-2.0-only
// How a hypervisor ended, read from what it said on the serial line (Xen: panic() in
// xen/drivers/char/console.c, show_execution_state() in xen/arch/x86/traps.c).
#pragma once

#include "tools/xlp-qa/machine/console.h"

#include <optional>

namespace xlp::qa {

enum class DeathKind {
    panic,      // the hypervisor said so
    dom0_crash, // the dom0 kernel panicked or was killed; the hypervisor followed
    reset,      // the machine was reset, or switched off, without a word
    hang,       // no output for the time limit
    emulator    // QEMU itself failed
};

const char* to_string(DeathKind);

struct Death {
    DeathKind kind = DeathKind::panic;
    std::string reason;             // one line: "Xen BUG at common/livepatch.c:123"
    std::string place;              // where it was: "livepatch_upload+0x12/0x345", may be empty
    std::vector<std::string> trace; // Xen's call trace, innermost first
    std::vector<std::string> log;   // register dump and panic text as they were printed
};

// Watches lines go by.
class Autopsy {
public:
    void feed(const Line&);

    // A panic has begun: the rest of its text follows within seconds, and is not endless.
    bool dying() const { return dying_; }
    // All that a dying hypervisor says has been said.
    bool complete() const { return complete_; }

    // The death for which the machine ended as `fallback` says, unless the lines know better.
    Death conclude(DeathKind fallback, std::string fallback_reason) const;

private:
    void begin_dump();
    void end_here(std::string reason);

    bool dying_ = false;
    bool complete_ = false;
    bool in_trace_ = false;
    bool reason_next_ = false;
    bool dom0_ = false;
    bool in_dump_ = false;
    unsigned broken_dumps_ = 0; // in a row, each cut off by the next
    unsigned last_lines_ = 0;   // since it is dying
    std::string dom0_panic_;
    Death death_;
};

} // namespace xlp::qa
