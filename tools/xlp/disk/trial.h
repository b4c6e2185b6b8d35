// SPDX-License-Identifier: GPL-2.0-only
// The record of payloads in their trial period: written before new code is applied, removed when
// the period ends (`xlp settle`) or the host shuts down cleanly. A record from an earlier boot
// means that the host went down, and with which payloads (holds.h).
#pragma once

#include "payload/base/result.h"
#include "tools/xlp/disk/paths.h"
#include "tools/xlp/executor/clock.h"
#include "tools/xlp/plan/plan.h"

#include <optional>
#include <string>
#include <vector>

namespace xlp::host {

struct OnTrial {
    std::string name, sha256, build_id;
    bool confirmed = false; // seen applied after the operation had ended
};

// Its SHA-256, else its build-id; else "name=NAME", of what another tool uploaded.
std::string id_of(const OnTrial&);

struct TrialRecord {
    std::string boot, xen, operation, when; // `xen`: the hypervisor's build-id
    Nanoseconds since{0};                   // of this boot's clock: when the last one was added
    std::vector<OnTrial> payloads;
    bool damaged = false; // the file cannot be parsed: what was in its trial period is unknown
};

class Trial {
public:
    explicit Trial(Paths paths) : paths_(std::move(paths)) {}

    // Adds payloads that are about to be applied. On disk, synced, when it returns.
    Result<void> begin(const std::string& operation, const std::string& xen,
                       const std::vector<OnTrial>&, Nanoseconds now) const;
    // Removes what was not applied after all, and confirms the rest.
    Result<void> keep_applied(const Snapshot& host) const;
    // Ends the trial period of all, and notes that those settled that are confirmed (settled.h): a
    // record without xlp's end may name payloads that never ran. A record from another boot stays.
    Result<void> settle() const;

    Result<std::optional<TrialRecord>> current() const; // of this boot
    Result<std::optional<TrialRecord>> left() const; // by another boot, which did not end cleanly
    Result<void> forget() const;                     // whichever it is

private:
    Result<std::optional<TrialRecord>> read() const;
    Result<void> write(const TrialRecord&) const;
    Paths paths_;
};

} // namespace xlp::host
