// SPDX-License-Identifier: GPL-2.0-only
// The trail that every change to a host leaves: one entry a step, in the system's journal with
// fields of its own (docs/xlp.md), else in the system's log.
#pragma once

#include "tools/xlp/disk/paths.h"

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace xlp::host {

struct Event {
    std::string message;                                     // one line
    std::vector<std::pair<std::string, std::string>> fields; // "XLP_PAYLOAD", its value
};

using Trail = std::function<void(const Event&)>;

// The one id by which all entries are found: journalctl MESSAGE_ID=...
inline constexpr const char* change_message_id = "7c1f0d9be5c54b0f9a2a6d3c1f5e8b47";

// To /run/systemd/journal/socket, or syslog(3) where there is none. Who asked for it
// (/proc/self/loginuid) is added.
void leave_trail(const Paths&, const Event&);

} // namespace xlp::host
