// SPDX-License-Identifier: GPL-2.0-only
// The account of a patch: every function, variable, table and array of both programs, and how it is
// handled. A difference that is not handled is a refusal: no part of a fix is lost silently.
#pragma once

#include "payload/diff/select.h"

#include <compare>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace xlp::diff {

enum class Fate {
    same,      // the hypervisor's own is used
    line_only, // differs only in line numbers
    moved,     // from another unit, otherwise the same; the hypervisor's own is used
    replaced,  // redirected to new code
    carried,   // in the payload
    bound,     // defined again; the hypervisor's own is used
    boot,      // boot-time code or data
    unused,    // new, and nothing that the payload holds uses it
    removed,   // removed by the patch; its users changed
    hook,      // run when the payload is loaded, applied or reverted
    left_out,  // keeps its old code, as requested
    finding    // a warning or an error covers it
};
std::string_view text(Fate);

// One entry, of what is not simply the same.
struct Accounted {
    std::string unit, name;
    std::string_view kind; // "function", "datum", "array"
    Fate fate{};
};

struct Account {
    std::map<std::string_view, std::map<Fate, std::size_t>> counts; // by kind
    std::vector<Accounted> entries; // those that are not the same, in the order of the program
    Findings unsettled;             // `account.lost' for each thing that ends nowhere
};

// `said`: all findings so far.
Account account_for(const Program&, const Selection&, const Binder&, const Findings& said);

} // namespace xlp::diff
