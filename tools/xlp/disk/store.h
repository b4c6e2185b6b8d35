// SPDX-License-Identifier: GPL-2.0-only
// The payloads that belong on hosts, below /usr/lib/xen-livepatch/<hypervisor's build-id>: a folder
// for each, called by its SHA-256, with the payload, its manifest and its signature, so that the
// three come and go together. Read as well: the three files without a folder of their own, as
// packages bring them, and XenServer's link `livepatch.livepatch`, which names the one to use.
#pragma once

#include "payload/base/result.h"
#include "tools/xlp/plan/choose.h"
#include "tools/xlp/plan/trust.h"

#include <filesystem>
#include <string>
#include <vector>

namespace xlp::host {

class Store {
public:
    explicit Store(std::filesystem::path root) : root_(std::move(root)) {}

    std::filesystem::path folder(const std::string& xen_build_id) const {
        return root_ / xen_build_id;
    }

    // What there is for one hypervisor, by file name. What cannot be read, is for another
    // hypervisor than its folder, or fails the policy is rejected, with errors in `findings`.
    Offer offer(const std::string& xen_build_id, const Trust&, Findings& findings) const;

    // Every manifest of every hypervisor; unreadable ones are left out.
    std::vector<manifest::Manifest> manifests() const;

    // Puts the bundle's files where they belong, all at once; true when they were not there yet.
    // Another payload of the same file name is refused, or replaced with `overwrite`.
    Result<bool> install(const Bundle&, bool overwrite) const;
    std::filesystem::path place(const Bundle&) const;

private:
    Result<void> put_folder(const Bundle&, const std::filesystem::path& instead_of) const;
    std::filesystem::path root_;
};

} // namespace xlp::host
