// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/hypervisor/connect.h"

#include "tools/xlp/hypervisor/errors.h"
#include "tools/xlp/hypervisor/libxenctrl.h"
#include "tools/xlp/hypervisor/privcmd.h"

#include <algorithm>
#include <fmt/format.h>

namespace xlp::host {

Result<Via> parse_via(const std::string& word) {
    if (word == "auto")
        return Via::automatic;
    if (word == "libxenctrl")
        return Via::libxenctrl;
    if (word == "privcmd")
        return Via::privcmd;
    return fail(
        wrong_usage(fmt::format("--via takes auto, libxenctrl or privcmd, not `{}'.", word)));
}

Result<std::unique_ptr<Hypervisor>> connect(Via via) {
    if (via == Via::privcmd)
        return open_privcmd();
    auto library = open_libxenctrl();
    if (library || via == Via::libxenctrl)
        return library;
    const Findings& why = library.error();
    const bool unfit = std::all_of(why.begin(), why.end(), [](const Finding& f) {
        return f.code == "host.no-libxenctrl" || f.code == "host.interface";
    });
    if (!unfit)
        return library;
    return open_privcmd();
}

} // namespace xlp::host
