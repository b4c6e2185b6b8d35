// SPDX-License-Identifier: GPL-2.0-only
// What a host demands of payloads and indexes before it believes them, and whether they meet it.
// Every way in goes through here.
#pragma once

#include "payload/base/result.h"
#include "payload/manifest/signature.h"
#include "tools/xlp/disk/config.h"
#include "tools/xlp/plan/bundle.h"

#include <filesystem>
#include <vector>

namespace xlp::host {

struct Trust {
    Policy policy = Policy::warn;
    std::vector<manifest::Key> keys;
    // Without a good signature by a trusted key, refused. An installed key is that demand.
    bool required() const {
        return policy == Policy::require || (policy == Policy::warn && !keys.empty());
    }
};

// The keys are read only where the policy asks for them. Keys that others could have written are
// an error.
Result<Trust> read_trust(const Config&, const std::filesystem::path& default_keys);

// Applies the policy: sets `signed_by`, gives what the policy calls for (signature.* findings).
Findings check_signature(Bundle&, const Trust&);

} // namespace xlp::host
