// SPDX-License-Identifier: GPL-2.0-only
// Findings as people and journals read them.
#pragma once

#include "payload/base/result.h"

#include <string>
#include <string_view>

namespace xlp::cli {

struct TextStyle {
    bool color = false;
    bool journal = false; // one line for each, with the priority that sd-daemon(3) tells by
    bool verbose = false; // every place on a line of its own
};

// What is said alike of three places and more is said once, and the places follow: all those of
// errors, the first few of the rest.
std::string text(const Findings&, const TextStyle&);

const char* severity_name(Severity); // "note", "warning", "error"

// Names in files may hold what a terminal obeys: control characters are shown, not sent.
std::string harmless(std::string_view text);

} // namespace xlp::cli
