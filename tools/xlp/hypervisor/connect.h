// SPDX-License-Identifier: GPL-2.0-only
// Which way to the hypervisor: libxenctrl where one fits, else the raw device.
#pragma once

#include "payload/base/result.h"
#include "tools/xlp/hypervisor/hypervisor.h"

#include <memory>
#include <string>

namespace xlp::host {

enum class Via {
    automatic,  // libxenctrl; privcmd when none is installed or none fits the running release
    libxenctrl, // nothing else
    privcmd
};

// "auto", "libxenctrl", "privcmd"; else a usage finding.
Result<Via> parse_via(const std::string&);

Result<std::unique_ptr<Hypervisor>> connect(Via);

} // namespace xlp::host
