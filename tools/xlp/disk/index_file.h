// SPDX-License-Identifier: GPL-2.0-only
// The index of a hypervisor's build in the store: index.json, signed by index.json.sig, beside the
// payloads of that build. An older one than was seen before is not believed.
#pragma once

#include "payload/base/result.h"
#include "payload/manifest/index.h"
#include "tools/xlp/disk/paths.h"
#include "tools/xlp/plan/trust.h"

#include <filesystem>
#include <optional>
#include <string>

namespace xlp::host {

struct IndexFile {
    std::optional<manifest::Index> index; // when it is to be believed
    bool current = false;                 // and is valid still, also by the newest time seen
    std::string signer;
    Findings findings; // why not: index.*, signature.*
    // It speaks for this build today.
    bool speaks() const { return index && current; }
};

IndexFile read_index(const std::filesystem::path& folder, const std::string& xen_build_id,
                     const Trust&, const Paths&);

// From now on, no older one; nor one that has expired by now, if the clock is set back later.
Result<void> remember_serial(const Paths&, const manifest::Index&);

} // namespace xlp::host
