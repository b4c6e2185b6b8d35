// SPDX-License-Identifier: GPL-2.0-only
// One self-contained page about a payload: what it replaces and why, old code against new, what the
// loader makes of it. Opens from disk, asks the network for nothing.
#pragma once

#include "payload/load/model.h"

#include <nlohmann/json.hpp>
#include <string>

namespace xlp::report {

struct Subject {
    std::string name; // of the payload
    const xen::Image& image;
    const load::Verdict& verdict;
    nlohmann::ordered_json manifest; // as beside the payload; null if there is none
};

std::string html(const Subject&);

} // namespace xlp::report
