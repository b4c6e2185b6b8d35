// SPDX-License-Identifier: GPL-2.0-only
// What xlp remembers, until reboot, of the payloads that it uploaded: their bytes, so that a
// payload can be brought back when an operation is undone, and what the hypervisor does not tell:
// build-id, what it stacks on, when it was applied. Kept in /run/xlp.
#pragma once

#include "payload/base/result.h"
#include "tools/xlp/disk/paths.h"
#include "tools/xlp/plan/plan.h"

#include <map>
#include <memory>
#include <optional>
#include <string>

namespace xlp::host {

struct Record {
    std::string sha256, build_id, depends, origin;
    std::string uploaded, applied; // UTC, "2026-01-31T12:00:00Z"; empty when not
    std::string manifest = {};     // the file that came with it
    std::string signer = {};       // id of the key
    std::string metadata = {};     // `.modinfo` of what was uploaded, hex
    bool ran = false;              // was in effect since it was uploaded
};

class Records {
public:
    // A missing file is no records; neither is one of an earlier boot. A damaged one is forgotten.
    static Result<Records> read(const Paths&);

    const Record* find(const std::string& name) const;
    // The bytes that were uploaded; null when they are not known (or not those any more).
    std::shared_ptr<const Blob> blob(const std::string& sha256) const;

    // Each writes at once.
    Result<void> keep_bytes(const Blob&); // before the upload
    // What another tool uploaded, and is known from elsewhere.
    Result<void> adopt(const std::string& name, const Blob&, bool applied);
    // To be told before the upload, so that a killed upload is never taken for what was there.
    Result<void> uploading(const std::string& name, const Blob&);
    Result<void> forget(const std::string& name);
    Result<void> applied(const std::string& name, bool now);
    Result<void> applied_alone(const std::string& name); // all others were reverted
    // Forgets whatever is not on the host, bytes included.
    Result<void> forget_all_but(const Snapshot&);

    // Sets the sha256 of the entries that are known.
    void complete(Snapshot&) const;

private:
    Result<void> write() const;
    Paths paths_;
    std::string boot_;
    std::map<std::string, Record> records_;
};

std::string utc_now();
// Tells one boot of dom0, and so of the hypervisor, from another. Empty when unknown.
std::string boot_id(const Paths&);

} // namespace xlp::host
