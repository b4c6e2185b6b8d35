// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/hypervisor/errors.h"

#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <optional>

namespace xlp::host {
namespace {

const char* const see_log = "`xl dmesg | tail' shows the hypervisor's messages.";

Where at(const std::string& name) {
    return {{}, name, {}, 0};
}

// Causes that mean the same in every call.
std::optional<Finding> common_cause(const std::string& name, int code) {
    switch (code) {
    case EPERM:
        return environment("host.privilege", "The hypervisor denies this domain access (EPERM).",
                           "Run xlp as root in dom0; with XSM, the policy must allow "
                           "livepatch_op.",
                           at(name));
    case EACCES:
        return environment("host.interface",
                           "The hypervisor has a different interface version, or its security "
                           "policy (Flask) denies this (EACCES).",
                           "Install the libxenctrl of the running hypervisor's release. If it is "
                           "installed, or `xl getenforce' says Enforcing: the policy must allow "
                           "this domain xen2 livepatch_op; `xl dmesg' shows the denial.",
                           at(name));
    case ENOSYS:
        return environment("host.no-livepatch",
                           "The hypervisor was built without live patching (ENOSYS).",
                           "Boot a Xen with CONFIG_LIVEPATCH=y.", at(name));
    case ENOMEM:
        return environment("host.memory", "The hypervisor or dom0 is out of memory (ENOMEM).",
                           "Free some Xen memory (`xl info' shows free_memory).", at(name));
    case EFAULT:
        return internal_fault(
            "host.fault", "The hypervisor could not read the request's memory (EFAULT).", at(name));
    default:
        return std::nullopt;
    }
}

Finding other(const std::string& name, const std::string& what, int code) {
    return refusal("host.refused",
                   fmt::format("{} failed: {} ({}).", what, std::strerror(code), errno_name(code)),
                   see_log, at(name));
}

Finding busy(const std::string& name, Action action, bool scheduled) {
    if (scheduled && action == Action::apply)
        return environment("host.rendezvous",
                           "The CPUs did not rendezvous in time, or a guest has an active wait "
                           "queue (EBUSY). Nothing was changed.",
                           "Try again with a longer --timeout, or when the host is less busy.",
                           at(name));
    if (scheduled)
        return environment(
            "host.rendezvous", "The CPUs did not rendezvous in time (EBUSY). Nothing was changed.",
            "Try again with a longer --timeout, or when the host is less busy.", at(name));
    if (action == Action::revert)
        return refusal("host.not-on-top",
                       "It is not the topmost payload, or the hypervisor is busy with another "
                       "payload (EBUSY).",
                       "First revert the payloads applied after it; `xl dmesg' names the topmost.",
                       at(name));
    return environment("host.busy", "The hypervisor is busy with another payload (EBUSY).",
                       "Try again; make sure that no other tool is patching this host.", at(name));
}

} // namespace

std::string errno_name(int code) {
    const char* name = ::strerrorname_np(code);
    return name ? name : fmt::format("errno {}", code);
}

Finding explain_connect(XenErrno e) {
    if (auto f = common_cause("", e.code))
        return *f;
    return environment("host.connect",
                       fmt::format("The hypervisor cannot be reached: {} ({}).",
                                   std::strerror(e.code), errno_name(e.code)),
                       "Run xlp as root in dom0 of a Xen host.");
}

Finding explain_upload(const std::string& name, XenErrno e) {
    switch (e.code) {
    case EEXIST:
        return refusal("host.exists",
                       "A payload with this name or build-id is already loaded, or it defines a "
                       "symbol that the hypervisor or another payload has (EEXIST).",
                       "`xlp list' shows what is loaded; unload that payload first, or apply it.",
                       at(name));
    case ENOENT:
        return refusal("host.unresolved",
                       "It refers to a symbol that this hypervisor does not have (ENOENT).",
                       "It was built for another hypervisor, or depends on a payload that is not "
                       "uploaded. `xl dmesg' names the symbol.",
                       at(name));
    case EINVAL:
    case ENODATA:
        return refusal("host.invalid",
                       fmt::format("The hypervisor rejects the payload ({}): built for another "
                                   "hypervisor's build-id, or malformed.",
                                   errno_name(e.code)),
                       "`xl dmesg | tail' has the reason; `xlp verify FILE' predicts it.",
                       at(name));
    case EOPNOTSUPP:
        return refusal("host.unsupported",
                       "The payload uses something that this hypervisor's loader does not support "
                       "(EOPNOTSUPP): a relocation type, a record version, or an architecture.",
                       see_log, at(name));
    case EOVERFLOW:
        return refusal("host.overflow",
                       "An address in the payload does not reach its target (EOVERFLOW).", see_log,
                       at(name));
    case ERANGE:
    case ENOSPC:
        return refusal("host.alternatives",
                       fmt::format("The payload's alternatives do not fit this hypervisor ({}).",
                                   errno_name(e.code)),
                       see_log, at(name));
    default:
        if (auto f = common_cause(name, e.code))
            return *f;
        return other(name, "Uploading", e.code);
    }
}

Finding explain_get(const std::string& name, XenErrno e) {
    if (e.code == ENOENT)
        return refusal("host.absent", "There is no payload with this name (ENOENT).",
                       "`xlp list' shows what is loaded; upload it with `xlp upload'.", at(name));
    if (e.code == EINVAL)
        return bad_input("host.name", "The hypervisor does not accept this name (EINVAL).",
                         "A name has 1 to 127 bytes.", at(name));
    if (auto f = common_cause(name, e.code))
        return *f;
    return other(name, "Asking for its status", e.code);
}

Finding explain_list(XenErrno e) {
    if (e.code == EBUSY)
        return environment("host.list", "The list of payloads kept changing while being read.",
                           "Make sure that no other tool is patching this host, and try again.");
    return explain_connect(e);
}

Finding explain_action(Action action, const std::string& name, XenErrno e, bool scheduled) {
    switch (e.code) {
    case EBUSY:
        return busy(name, action, scheduled);
    case ENOENT:
        return explain_get(name, e);
    case EINVAL:
        if (action == Action::unload)
            return refusal("host.applied", "It is applied (EINVAL).", "Revert it first.", at(name));
        if (scheduled && action == Action::apply)
            return refusal("host.reapply",
                           "It was applied and reverted before, and it has writable data that may "
                           "have changed since (EINVAL).",
                           "Unload it, and load it again.", at(name));
        if (action == Action::apply)
            return refusal("host.not-applicable",
                           "The hypervisor refuses to apply it (EINVAL): the payload it depends on "
                           "is not topmost, the code to be replaced is not what it expects, or one "
                           "of its hooks objected.",
                           "`xl dmesg | tail' says which. Apply what it depends on first.",
                           at(name));
        if (action == Action::replace)
            return refusal("host.not-applicable",
                           "The hypervisor refuses to replace with it (EINVAL): it does not depend "
                           "directly on the hypervisor, the code is not what it expects, or a "
                           "payload could not be reverted.",
                           see_log, at(name));
        break;
    case EOPNOTSUPP:
        if (action == Action::replace)
            return refusal(
                "host.veto",
                "A payload has hooks that can object, so replace is not possible (EOPNOTSUPP).",
                "Revert the applied payloads from the top, then apply this one.", at(name));
        break;
    case EAGAIN:
        return environment("host.unfinished",
                           "The hypervisor did not report a result in time (EAGAIN).",
                           "Check with `xlp list', then retry: this is safe.", at(name));
    default:
        break;
    }
    if (auto f = common_cause(name, e.code))
        return *f;
    return other(name, fmt::format("To {}", to_string(action)), e.code);
}

} // namespace xlp::host
