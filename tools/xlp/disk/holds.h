// SPDX-License-Identifier: GPL-2.0-only
// Payloads that must not be applied to one hypervisor: by the operator's word
// (/etc/xlp/hold.d/<build-id>, a payload's SHA-256 or build-id on each line, # for remarks), or
// because the host went down in their trial period (/var/lib/xlp/held.json; settled.h says which).
#pragma once

#include "payload/base/result.h"
#include "tools/xlp/disk/paths.h"
#include "tools/xlp/disk/trial.h"

#include <optional>
#include <string>
#include <vector>

namespace xlp::host {

struct Hold {
    std::string id;   // SHA-256 or build-id
    std::string name; // as far as it is known
    std::string when; // the host went down then; empty: the operator's word
    bool after_crash() const { return !when.empty(); }
    bool everything() const; // what was on trial is not known
};

class Holds {
public:
    // A hold that cannot be read is an error: it must not be passed over.
    static Result<Holds> read(const Paths&, const std::string& xen);

    const Hold* find(const std::string& sha256, const std::string& build_id) const;
    const std::vector<Hold>& all() const { return holds_; }
    bool after_crash() const; // some are
    // What was on trial when the host went down is not known: nothing is to be applied.
    bool everything() const { return everything_; }

private:
    std::vector<Hold> holds_;
    bool everything_ = false;
};

// A host that went down, and what that means for the payloads that were on trial.
struct AfterCrash {
    std::string xen, when;
    std::vector<OnTrial> held;   // from now on
    std::vector<OnTrial> spared; // not held back, because they had settled before
    bool everything = false;     // is held, because the record cannot be understood
};

// Turns the trial record of another boot into holds; nothing where there is none.
Result<std::optional<AfterCrash>> hold_after_crash(const Paths&);
// Forgets the holds of this hypervisor that a crash left, and a trial of another boot. Returns what
// is not held back any more.
Result<std::vector<Hold>> lift_holds(const Paths&, const std::string& xen);

} // namespace xlp::host
