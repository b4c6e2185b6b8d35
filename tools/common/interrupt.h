// SPDX-License-Identifier: GPL-2.0-only
// From signals to a std::stop_token, the one way in which work is cancelled.
#pragma once

#include <memory>
#include <stop_token>

namespace xlp {

// While it lives, SIGINT, SIGTERM and SIGHUP request a stop instead of ending the process. Make it
// before any thread, as the threads inherit its signal mask.
class InterruptGuard {
public:
    InterruptGuard();
    ~InterruptGuard();
    InterruptGuard(const InterruptGuard&) = delete;
    InterruptGuard& operator=(const InterruptGuard&) = delete;

    std::stop_token token() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace xlp
