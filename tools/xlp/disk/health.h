// SPDX-License-Identifier: GPL-2.0-only
// The operator's own checks of a host's health: executables in /etc/xlp/health.d, run in the order
// of their names after new code went into effect. As run-parts does, what editors and package
// managers leave there is passed over: hidden files, and names that end in ~ , .bak .orig .rej .swp
// .dpkg-* .ucf-* .rpmnew .rpmsave .rpmorig or .cfsaved.
#pragma once

#include "payload/base/result.h"
#include "tools/xlp/disk/paths.h"

#include <chrono>
#include <stop_token>
#include <string>
#include <vector>

namespace xlp::host {

class Health {
public:
    // Checks that others could have written are an error, before anything is begun.
    static Result<Health> read(const Paths&);

    // `health.skipped`, of files that look like checks and are not run.
    const Findings& notes() const { return notes_; }
    bool empty() const { return checks_.empty(); }
    // The first that fails, or takes longer than `limit`, is "health.failed". They find what was
    // applied in XLP_PAYLOADS, and the operation in XLP_OPERATION.
    Result<void> run(const std::string& operation, const std::vector<std::string>& payloads,
                     std::chrono::milliseconds limit, const std::stop_token&) const;

private:
    std::vector<std::filesystem::path> checks_;
    Findings notes_;
};

} // namespace xlp::host
