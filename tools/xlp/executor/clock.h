// SPDX-License-Identifier: GPL-2.0-only
// Time, so that waiting can be tested without waiting.
#pragma once

#include <chrono>
#include <stop_token>
#include <utility>

namespace xlp::host {

using Nanoseconds = std::chrono::nanoseconds;

class Clock {
public:
    virtual ~Clock() = default;
    virtual Nanoseconds now() = 0; // monotonic, from any start
    virtual void sleep(Nanoseconds) = 0;
    virtual bool stopped() const { return false; } // somebody asked to end: Ctrl-C, a shutdown
};

// The machine's own. A signal does not cut a sleep short.
class SystemClock final : public Clock {
public:
    explicit SystemClock(std::stop_token stop = {}) : stop_(std::move(stop)) {}
    bool stopped() const override { return stop_.stop_requested(); }
    Nanoseconds now() override;
    void sleep(Nanoseconds) override;

private:
    std::stop_token stop_;
};

} // namespace xlp::host
