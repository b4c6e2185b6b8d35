// SPDX-License-Identifier: GPL-2.0-only
// What Xen's errnos mean, in words and with a remedy. One errno has different causes in different
// calls and stages: xen/common/livepatch.c.
#pragma once

#include "payload/base/result.h"
#include "tools/xlp/hypervisor/hypervisor.h"

#include <string>

namespace xlp::host {

std::string errno_name(int code); // "EBUSY"; "errno 123" when unnamed

// The first call failed: no livepatch in this hypervisor, no privilege, unknown interface.
Finding explain_connect(XenErrno);

// An upload, or a status or list request, was refused.
Finding explain_upload(const std::string& name, XenErrno);
Finding explain_get(const std::string& name, XenErrno);
Finding explain_list(XenErrno);

// An action was refused at once (`scheduled` false), or was scheduled and ended in this errno.
Finding explain_action(Action, const std::string& name, XenErrno, bool scheduled);

} // namespace xlp::host
