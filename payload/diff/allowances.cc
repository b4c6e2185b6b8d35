// SPDX-License-Identifier: GPL-2.0-only
#include "payload/diff/allowances.h"

#include <algorithm>

namespace xlp::diff {

bool Allowances::covers(const Finding& f) const {
    return f.severity == Severity::error && f.failure == Failure::refused
           && std::any_of(granted.begin(), granted.end(), [&](const std::string& g) {
                  return g == f.code || g == f.code + ":" + f.where.function;
              });
}

void Allowances::apply(Findings& findings) const {
    for (Finding& f : findings)
        if (covers(f)) {
            f.severity = Severity::warning;
            f.failure = Failure::none;
            f.why += " (Allowed.)";
        }
}

} // namespace xlp::diff
