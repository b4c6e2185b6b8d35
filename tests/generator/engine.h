// SPDX-License-Identifier: GPL-2.0-only
// The library under test, as far as the generator calls it: from pairs of objects to a payload.
#pragma once

#include "payload/base/bytes.h"
#include "payload/xen/image.h"

#include <filesystem>
#include <string>
#include <vector>

namespace xlp::generator {

struct Pair {
    std::string name, source; // "unit0.o", "unit0.c"
    std::filesystem::path original, patched;
};

struct Made {
    Bytes payload; // empty where there is none
    Findings findings;
    std::vector<std::string> replaced; // symbols of the hypervisor
    bool nothing_changed = false;      // there is none, for nothing changed
};

Made make_payload(const std::vector<Pair>&, const xen::Image&);

} // namespace xlp::generator
