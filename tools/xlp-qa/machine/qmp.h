// SPDX-License-Identifier: GPL-2.0-only
// QEMU's monitor (QMP: JSON commands and answers, one a line).
#pragma once

#include "payload/base/result.h"

#include "payload/base/descriptor.h"

#include <chrono>
#include <nlohmann/json_fwd.hpp>

namespace xlp::qa {

class Monitor {
public:
    using Clock = std::chrono::steady_clock;

    // Takes one end of a connected socket whose other end QEMU has. `cancel` is a descriptor that
    // becomes readable when everything shall stop; -1 for none.
    Monitor(Descriptor socket, int cancel) : socket_(std::move(socket)), cancel_(cancel) {}

    // The command's "return" member. Errors: `qa.monitor` (environment): QEMU refused, is gone, or
    // did not answer until `deadline`; `qa.interrupted`.
    Result<nlohmann::json> command(const char* name, nlohmann::json arguments,
                                   Clock::time_point deadline);
    Result<void> greet(Clock::time_point deadline); // once, first

    // Why QEMU says that the machine stopped, from the events seen so far and those that wait:
    // "guest-reset", "guest-shutdown", ...; empty when it did not say.
    std::string shutdown_reason();

private:
    Result<nlohmann::json> next(Clock::time_point deadline);
    void note_event(const nlohmann::json&);

    Descriptor socket_;
    int cancel_;
    std::string received_;
    std::string shutdown_reason_;
};

// Waits until `fd` is readable (true) or the deadline has passed (false). Errors:
// `qa.interrupted` (environment), when `cancel` becomes readable first.
Result<bool> wait_readable(int fd, int cancel, Monitor::Clock::time_point deadline);

} // namespace xlp::qa
