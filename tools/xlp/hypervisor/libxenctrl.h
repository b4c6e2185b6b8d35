// SPDX-License-Identifier: GPL-2.0-only
// The hypervisor through the host's own libxenctrl, loaded at run time: its interface changes with
// every Xen release, so nothing of it is compiled in.
#pragma once

#include "payload/base/result.h"
#include "tools/xlp/hypervisor/hypervisor.h"

#include <memory>
#include <string>

namespace xlp::host {

// Loads a libxenctrl and opens the hypervisor with it. `library` is a path or file name; empty
// means: find the running Xen's own, else any that the hypervisor answers to. Fails with
// "host.no-libxenctrl" when there is none, "host.interface" when none fits.
Result<std::unique_ptr<Hypervisor>> open_libxenctrl(const std::string& library = {});

} // namespace xlp::host
