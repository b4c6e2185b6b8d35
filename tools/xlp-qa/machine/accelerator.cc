// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-qa/machine/accelerator.h"

#include "payload/base/file.h"

#include <fmt/format.h>
#include <unistd.h>

namespace xlp::qa {

namespace {

// Why KVM cannot run a hypervisor here; empty: it can.
std::string obstacle() {
    if (access("/dev/kvm", R_OK | W_OK) != 0)
        return "/dev/kvm cannot be opened";
    auto processor = read_text("/proc/cpuinfo");
    const std::string flags = processor ? *processor : "";
    for (const auto& [flag, module] : {std::pair{" svm", "kvm_amd"}, {" vmx", "kvm_intel"}}) {
        if (flags.find(flag) == std::string::npos)
            continue;
        auto nested = read_text(fmt::format("/sys/module/{}/parameters/nested", module));
        return nested && (nested->starts_with('1') || nested->starts_with('Y'))
                   ? ""
                   : fmt::format("{} does not allow nesting", module);
    }
    return "the CPU offers neither SVM nor VMX here";
}

} // namespace

Result<Accelerator> choose_accelerator(const std::string& wish) {
    if (wish == "tcg")
        return Accelerator{"tcg", "as requested"};
    if (wish != "auto" && wish != "kvm")
        return fail(
            wrong_usage(fmt::format("Unknown accelerator `{}'.", wish), "Use auto, kvm or tcg."));
    const std::string why_not = obstacle();
    if (why_not.empty())
        return Accelerator{"kvm", "nested hardware virtualization is available"};
    if (wish == "kvm")
        return fail(environment("qa.no-kvm",
                                fmt::format("KVM cannot run a hypervisor: {}.", why_not),
                                "Use --accel tcg."));
    return Accelerator{"tcg", why_not};
}

std::string default_cpu(const Accelerator& a) {
    return a.name == "kvm" ? "host" : "qemu64,+svm,+npt";
}

} // namespace xlp::qa
