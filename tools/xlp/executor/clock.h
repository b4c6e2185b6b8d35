// SPDX-License-Identifier: GPL-2.0-only
// Time, so that waiting can be tested without waiting.
#pragma once

#include <chrono>

namespace xlp::host {

using Nanoseconds = std::chrono::nanoseconds;

class Clock {
public:
    virtual ~Clock() = default;
    virtual Nanoseconds now() = 0; // monotonic, from any start
    virtual void sleep(Nanoseconds) = 0;
};

// The machine's own. A signal does not cut a sleep short.
class SystemClock final : public Clock {
public:
    Nanoseconds now() override;
    void sleep(Nanoseconds) override;
};

} // namespace xlp::host
