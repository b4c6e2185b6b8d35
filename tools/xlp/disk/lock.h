// SPDX-License-Identifier: GPL-2.0-only
// One xlp at a time changes a host. The kernel lets go of the lock when its holder dies.
#pragma once

#include "payload/base/descriptor.h"
#include "payload/base/result.h"
#include "tools/xlp/executor/clock.h"

#include <filesystem>

namespace xlp::host {

class Lock {
public:
    // Waits up to `patience` for another holder; "host.locked" names it when that was not enough.
    static Result<Lock> take(const std::filesystem::path&, Clock&, Nanoseconds patience);

private:
    explicit Lock(Descriptor fd) : fd_(std::move(fd)) {}
    Descriptor fd_;
};

} // namespace xlp::host
