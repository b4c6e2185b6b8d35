// SPDX-License-Identifier: GPL-2.0-only
// Which words of the operator's hold.d were seen last (/var/lib/xlp/hold-words.json), so that a
// change is noticed once.
#pragma once

#include "tools/xlp/disk/holds.h"

namespace xlp::host {

struct WordChanges {
    std::vector<std::string> added, removed; // SHA-256 or build-id
    bool empty() const { return added.empty() && removed.empty(); }
};

// Since the last call for this hypervisor.
Result<WordChanges> note_words(const Paths&, const Holds&, const std::string& xen);

} // namespace xlp::host
