// SPDX-License-Identifier: GPL-2.0-only
// Payloads that have completed a trial period before (/var/lib/xlp/settled.json). Each boot starts
// another one for them. If the host goes down in it, that is taken for a power cut once; twice in a
// row, for a crash.
#pragma once

#include "payload/base/result.h"
#include "tools/xlp/disk/trial.h"

#include <string>
#include <vector>

namespace xlp::host {

class Settled {
public:
    // If the file is missing or damaged, no payload has settled.
    static Result<Settled> read(const Paths&);
    Result<void> write() const;

    // Names of the payloads whose last trial period on this hypervisor ended with the host down.
    std::vector<std::string> down_once(const std::string& xen) const;

    // Their trial period is over. With it ends what any payload of this hypervisor has against it:
    // the host did not go down twice in a row.
    void add(const TrialRecord&);
    // The host went down in this trial period. Returns the payloads to hold back: those that had
    // never settled; if all had, those for which this is the second time. The same record again
    // gives the same answer until it is written, and holds back no more payloads afterwards.
    std::vector<OnTrial> went_down(const TrialRecord&);

private:
    struct Entry {
        std::string xen, id; // the hypervisor's build-id; the payload's SHA-256 or build-id
        std::string name;
        std::string down; // the boot in which the host went down since it last settled
    };
    Entry* find(const std::string& xen, const OnTrial&);

    Paths paths_;
    std::vector<Entry> entries_; // oldest first
};

} // namespace xlp::host
