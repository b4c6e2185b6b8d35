// SPDX-License-Identifier: GPL-2.0-only
// One action on one payload, carried through to an end that was read back: waiting with back-off,
// trying a rendezvous that timed out again with more time, telling a stale "in progress" from a
// true one. Each is atomic in the hypervisor, so after any failure or kill the payload is in its
// old state or in its new one.
#pragma once

#include "payload/base/result.h"
#include "tools/xlp/executor/clock.h"
#include "tools/xlp/hypervisor/hypervisor.h"

#include <functional>
#include <optional>
#include <string>

namespace xlp::host {

struct Limits {
    Nanoseconds timeout = std::chrono::milliseconds(30);   // for the first rendezvous
    Nanoseconds ceiling = std::chrono::milliseconds(4200); // for any; Xen's field ends at 4.29 s
    unsigned attempts = 8;                        // of one action; each doubles the timeout
    Nanoseconds settle = std::chrono::seconds(3); // beyond the timeout, until an end is reported
};

class Operator {
public:
    // `say` gets a line when something is tried again, for people who watch.
    Operator(Hypervisor& xen, Clock& clock, Limits limits,
             std::function<void(const std::string&)> say = {});

    // What became of the name; nothing when there is no such payload.
    Result<std::optional<Status>> look(const std::string& name);

    // The same, once nothing is scheduled for it; rc is still -EAGAIN when that took too long.
    Result<std::optional<Status>> settled(const std::string& name);

    // Uploads and reads back. A name already there is refused.
    Result<void> upload(const std::string& name, std::span<const std::uint8_t> payload,
                        bool force = false);

    // Brings the payload to where the action leads. True: changed; false: it was there already.
    Result<bool> act(Action, const std::string& name, std::uint32_t flags = 0);

private:
    Result<std::optional<Status>> settle(const std::string& name, Nanoseconds limit);
    bool reached(Action, const std::optional<Status>&) const;
    void say(const std::string&) const;

    Hypervisor& xen_;
    Clock& clock_;
    Limits limits_;
    std::function<void(const std::string&)> say_;
};

} // namespace xlp::host
