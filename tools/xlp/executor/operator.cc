// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/executor/operator.h"

#include "payload/base/parallel.h"
#include "tools/xlp/hypervisor/errors.h"

#include <algorithm>
#include <cerrno>
#include <fmt/chrono.h>
#include <fmt/format.h>

namespace xlp::host {
namespace {

using std::chrono::milliseconds;

constexpr Nanoseconds first_pause = milliseconds(1);
constexpr Nanoseconds longest_pause = milliseconds(100);

std::string milliseconds_text(Nanoseconds d) {
    return fmt::format("{} ms", std::chrono::duration_cast<milliseconds>(d).count());
}

} // namespace

Operator::Operator(Hypervisor& xen, Clock& clock, Limits limits,
                   std::function<void(const std::string&)> say)
    : xen_(xen), clock_(clock), limits_(limits), say_(std::move(say)) {}

void Operator::say(const std::string& line) const {
    if (say_)
        say_(line);
}

Result<std::optional<Status>> Operator::look(const std::string& name) {
    for (unsigned tries = 0;; ++tries) {
        auto status = xen_.get(name);
        if (status)
            return std::optional<Status>(*status);
        if (status.error().code == ENOENT)
            return std::optional<Status>();
        if (status.error().code != EINTR || tries == 16)
            return fail(explain_get(name, status.error()));
    }
}

Result<std::optional<Status>> Operator::settled(const std::string& name) {
    return settle(name, limits_.timeout + limits_.settle);
}

Result<std::optional<Status>> Operator::settle(const std::string& name, Nanoseconds limit) {
    const Nanoseconds end = clock_.now() + limit;
    for (Nanoseconds pause = first_pause;; pause = std::min(2 * pause, longest_pause)) {
        auto status = look(name);
        if (!status || !*status || (*status)->rc != -EAGAIN || clock_.now() >= end)
            return status;
        clock_.sleep(pause);
    }
}

bool Operator::reached(Action action, const std::optional<Status>& s) const {
    switch (action) {
    case Action::unload:
        return !s;
    case Action::revert:
        return s && s->state == State::checked;
    case Action::apply:
    case Action::replace:
        return s && s->state == State::applied;
    }
    return false;
}

Result<void> Operator::upload(const std::string& name, std::span<const std::uint8_t> payload,
                              bool force) {
    for (unsigned tries = 1;; ++tries) {
        auto sent = xen_.upload(name, payload, force);
        const int code = sent ? 0 : sent.error().code;
        // an upload that was interrupted may have happened all the same
        auto status = look(name);
        if (!status)
            return fail(status);
        if (code == 0 && *status)
            return {};
        if (code == 0)
            return fail(environment(
                "host.vanished", "The payload was uploaded, but disappeared right afterwards.",
                "Make sure that no other tool is patching this host.", {{}, name, {}, 0}));
        if (code == EINTR && *status)
            return {};
        if ((code != EINTR && code != EAGAIN && code != EBUSY) || tries >= limits_.attempts)
            return fail(explain_upload(name, {code}));
        say(fmt::format("{}: upload was interrupted ({}), trying again", name, errno_name(code)));
        clock_.sleep(first_pause * (1u << std::min(tries, 6u)));
    }
}

// After a rendezvous that expired, the host gets 64 times as long to itself; busy is asked again
// soon.
void Operator::wait_before(unsigned attempt, Nanoseconds timeout, bool expired) {
    Nanoseconds left =
        std::min<Nanoseconds>(longest_pause * 5, milliseconds(5) * (1u << std::min(attempt, 7u)));
    if (expired)
        left = std::max(left, 64 * timeout);
    for (; left.count() > 0 && !stopped(); left -= longest_pause)
        clock_.sleep(std::min(left, longest_pause));
}

Result<bool> Operator::act(Action action, const std::string& name, std::uint32_t flags, bool once) {
    auto before = settled(name);
    if (!before)
        return fail(before);
    if (!*before)
        return fail(explain_get(name, {ENOENT}));
    // A rc of -EAGAIN that stays is either an action that will not end or the trace of one that was
    // never scheduled (schedule_work() refused it). Only trying tells: Xen says EBUSY to the first.
    const bool doubtful = (*before)->rc == -EAGAIN;
    if (reached(action, *before) && !doubtful)
        return false;
    if (doubtful)
        say(fmt::format("{}: still reported as in progress; asking the hypervisor", name));

    Attempts a{action, name, flags, once,
               once ? limits_.ceiling : std::min(limits_.timeout, limits_.ceiling)};
    for (unsigned attempt = 1; attempt <= limits_.attempts; ++attempt) {
        if (attempt > 1) {
            wait_before(attempt, a.timeout, a.expired);
            if (stopped())
                return fail(interrupted());
            say(fmt::format("{}: {} ended in {}, attempt {} of {} with {}", name, to_string(action),
                            errno_name(a.last.code), attempt, limits_.attempts,
                            milliseconds_text(a.timeout)));
        }
        auto next = try_once(a);
        if (!next)
            return fail(next);
        if (*next == Next::done)
            return !(doubtful && reached(action, *before));
        if (*next == Next::give_up)
            break;
    }
    return fail(explain_action(action, name, a.last, a.scheduled));
}

Result<Operator::Next> Operator::try_once(Attempts& a) {
    const Nanoseconds begun = clock_.now();
    a.expired = false;
    auto sent = xen_.act(a.action, a.name, static_cast<std::uint32_t>(a.timeout.count()), a.flags);
    a.scheduled = sent.has_value();
    if (!sent) {
        a.last = sent.error();
        if (a.last.code != EBUSY && a.last.code != EINTR && a.last.code != EAGAIN
            && a.last.code != ENOENT)
            return Next::give_up;
    }
    // refused as busy, nothing of ours is scheduled, whatever the status says
    const bool busy = !sent && a.last.code == EBUSY;
    auto status = busy ? look(a.name) : settle(a.name, a.timeout + limits_.settle);
    if (!status)
        return fail(status);
    if (a.scheduled && a.action != Action::unload) {
        const Nanoseconds took = std::min(clock_.now() - begun, a.timeout);
        cost_.longest = std::max(cost_.longest, took);
        cost_.stalled += took;
    }
    if (!*status && a.action == Action::unload)
        return Next::done;
    if (!*status)
        return fail(environment("host.vanished", "The payload has disappeared.",
                                "Make sure that no other tool is patching this host.",
                                {{}, a.name, {}, 0}));
    return weigh(a, **status, busy);
}

Operator::Next Operator::weigh(Attempts& a, const Status& s, bool busy) {
    // Xen accepted the action and nothing is scheduled: a -EAGAIN beside the state that was asked
    // for is a stale one, for a scheduled action would have made Xen say EBUSY
    if (reached(a.action, s) && (s.rc == 0 || (a.scheduled && s.rc == -EAGAIN)))
        return Next::done;
    // a refusal to schedule leaves -EAGAIN behind; without it, Xen did not get as far
    if (busy && s.rc == 0 && a.action == Action::revert && ++a.not_on_top == 2)
        return Next::give_up;
    if (!a.scheduled)
        return Next::again;
    if (s.rc == 0) {
        a.last = {EAGAIN}; // it ended well and someone undid it
        return Next::again;
    }
    a.last = {-s.rc};
    if (a.last.code == EBUSY) { // the rendezvous ran out of time
        a.expired = true;
        ++cost_.expired;
        a.timeout = std::min(2 * a.timeout, limits_.ceiling);
        return a.once ? Next::give_up : Next::again;
    }
    return a.last.code == EAGAIN ? Next::again : Next::give_up;
}

} // namespace xlp::host
