// SPDX-License-Identifier: GPL-2.0-only
// One xlp at a time changes a host. The kernel lets go of the lock when its holder dies.
#pragma once

#include "payload/result.h"
#include "tools/xlp/clock.h"
#include "tools/xlp/fd.h"

#include <filesystem>

namespace xlp::host {

class Lock {
public:
    // Waits up to `patience` for another holder; "host.locked" names it when that was not enough.
    static Result<Lock> take(const std::filesystem::path&, Clock&, Nanoseconds patience);

private:
    explicit Lock(Fd fd) : fd_(std::move(fd)) {}
    Fd fd_;
};

} // namespace xlp::host
