// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/executor/clock.h"

#include <thread>

namespace xlp::host {

Nanoseconds SystemClock::now() {
    return std::chrono::duration_cast<Nanoseconds>(
        std::chrono::steady_clock::now().time_since_epoch());
}

void SystemClock::sleep(Nanoseconds d) {
    std::this_thread::sleep_for(d);
}

} // namespace xlp::host
