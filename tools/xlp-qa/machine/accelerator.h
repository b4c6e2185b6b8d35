// SPDX-License-Identifier: GPL-2.0-only
// What runs the machine: hardware, where it can run a hypervisor in a guest, or emulation.
#pragma once

#include "payload/base/result.h"

#include <string>

namespace xlp::qa {

struct Accelerator {
    std::string name = "tcg"; // as QEMU calls it
    std::string why;          // one sentence, for people
};

// `wish` is "auto", "kvm" or "tcg"; for "auto", KVM only where its guests get SVM or VMX. Errors:
// `qa.no-kvm` (environment) when KVM is asked for and cannot do it; usage for another word.
Result<Accelerator> choose_accelerator(const std::string& wish);

// The processor a machine has unless told: with SVM and nested paging, so that guests of every kind
// run in the hypervisor.
std::string default_cpu(const Accelerator&);

} // namespace xlp::qa
