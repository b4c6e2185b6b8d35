// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/hypervisor/hypervisor.h"

#include <fmt/format.h>

namespace xlp::host {

const char* to_string(State s) {
    switch (s) {
    case State::checked:
        return "CHECKED";
    case State::applied:
        return "APPLIED";
    }
    return "unknown";
}

const char* to_string(Action a) {
    switch (a) {
    case Action::unload:
        return "unload";
    case Action::revert:
        return "revert";
    case Action::apply:
        return "apply";
    case Action::replace:
        return "replace";
    }
    return "act on";
}

std::string Identity::version() const {
    return fmt::format("{}.{}{}", major, minor, extra);
}

} // namespace xlp::host
