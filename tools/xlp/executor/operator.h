// SPDX-License-Identifier: GPL-2.0-only
// One action on one payload, carried through to an end that was read back: waiting with back-off,
// trying a rendezvous that timed out again with more time, telling a stale "in progress" from a
// true one. Each is atomic in the hypervisor, so after any failure or kill the payload is in its
// old state or in its new one.
#pragma once

#include "payload/base/result.h"
#include "tools/xlp/executor/clock.h"
#include "tools/xlp/hypervisor/hypervisor.h"

#include <cerrno>
#include <functional>
#include <optional>
#include <string>

namespace xlp::host {

struct Limits {
    // All processors stand still for as long as a rendezvous takes, so it is kept short and, when
    // it was too short, tried again after a pause that is many times as long.
    Nanoseconds timeout = std::chrono::milliseconds(30);  // for the first rendezvous
    Nanoseconds ceiling = std::chrono::milliseconds(250); // for any; Xen's field ends at 4.29 s
    unsigned attempts = 8;                                // of one action; each doubles the timeout
    Nanoseconds settle = std::chrono::seconds(3); // beyond the timeout, until an end is reported
};

// What actions cost the host since the operator was made.
struct Cost {
    unsigned expired = 0;   // rendezvous that ran out of time
    Nanoseconds longest{0}; // until the end of one was seen
    Nanoseconds stalled{0}; // all together, at most
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
    // `once`: not to be tried again by itself after the rendezvous ran out of time.
    Result<bool> act(Action, const std::string& name, std::uint32_t flags = 0, bool once = false);

    // From now on nothing is given up because somebody asked to end: what was begun is undone.
    void go_on_though_stopped() { heeds_stop_ = false; }
    bool stopped() const { return heeds_stop_ && clock_.stopped(); }
    const Cost& cost() const { return cost_; }

private:
    // An action that is tried until it is done, and what the last try left.
    struct Attempts {
        Action action;
        const std::string& name;
        std::uint32_t flags = 0;
        bool once = false;
        Nanoseconds timeout{0};
        XenErrno last{EAGAIN};
        bool expired = false;   // the rendezvous ran out of time
        bool scheduled = false; // Xen accepted it
        unsigned not_on_top = 0;
    };
    enum class Next { done, again, give_up };

    Result<Next> try_once(Attempts&);
    Next weigh(Attempts&, const Status&, bool busy);
    void wait_before(unsigned attempt, Nanoseconds timeout, bool expired);
    Result<std::optional<Status>> settle(const std::string& name, Nanoseconds limit);
    bool reached(Action, const std::optional<Status>&) const;
    void say(const std::string&) const;

    Hypervisor& xen_;
    Clock& clock_;
    Limits limits_;
    std::function<void(const std::string&)> say_;
    bool heeds_stop_ = true;
    Cost cost_;
};

} // namespace xlp::host
