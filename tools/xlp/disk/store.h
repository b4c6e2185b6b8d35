// SPDX-License-Identifier: GPL-2.0-only
// The payloads that belong on hosts: /usr/lib/xen-livepatch/<hypervisor's build-id>/*.livepatch,
// each with its manifest and signature beside it. The layout is that of XenServer's packages, whose
// link `livepatch.livepatch` names the one to use.
#pragma once

#include "payload/base/result.h"
#include "tools/xlp/plan/bundle.h"

#include <filesystem>
#include <string>
#include <vector>

namespace xlp::host {

class Store {
public:
    explicit Store(std::filesystem::path root) : root_(std::move(root)) {}

    // What there is for one hypervisor, by file name. What cannot be read, is for another
    // hypervisor than its folder, or fails the policy is left out, with errors in `findings`.
    std::vector<Bundle> payloads(const std::string& xen_build_id, const Trust&,
                                 Findings& findings) const;

    // Every manifest of every hypervisor; unreadable ones are left out.
    std::vector<manifest::Manifest> manifests() const;

    // Puts the bundle's bytes where they belong; true when they were not there yet. Other bytes
    // under the same name are refused unless `overwrite`.
    Result<bool> install(const Bundle&, bool overwrite) const;
    std::filesystem::path place(const Bundle&) const;

private:
    std::filesystem::path root_;
};

} // namespace xlp::host
