// SPDX-License-Identifier: GPL-2.0-only
// The hypervisor through Linux's privcmd device, without any Xen library: for hosts where
// libxenctrl is absent or of another release. Knows the interfaces of Xen 4.7 to 4.22.
#pragma once

#include "payload/base/result.h"
#include "tools/xlp/hypervisor/hypervisor.h"

#include <memory>
#include <string>

namespace xlp::host {

// The device file that takes hypercalls, or why there is none or we may not use it.
Result<std::string> privcmd_device();

// Opens it and finds the interface version by asking. Fails with an environment finding when the
// hypervisor has no live-patching, refuses us, or speaks an interface that is not known here.
Result<std::unique_ptr<Hypervisor>> open_privcmd();

} // namespace xlp::host
