// SPDX-License-Identifier: GPL-2.0-only
// The loader's model, as every part of the builder asks it: about one hypervisor, with what is
// applied below.
#pragma once

#include "payload/load/model.h"

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace xlp::pipeline {

class Loader {
public:
    // The image must outlive the loader. A version: another than the image's.
    explicit Loader(const xen::Image&, std::optional<xen::Version> = {},
                    std::optional<xen::EfiMap> = {});
    Loader(const Loader&) = delete;
    Loader& operator=(const Loader&) = delete;

    // What Xen would do with a payload on top of those below.
    load::Verdict load(View payload, const std::string& name) const;
    // As above, for a payload that depends on another one that is not available: that dependency is
    // assumed to be satisfied.
    load::Verdict load_above_unknown(View payload, const std::string& name) const;
    // Puts a payload on top, as applied. One that is not good stays out: the errors are what its
    // verdict found, and load.stack.below.
    Result<load::Verdict> apply(View payload, const std::string& name);

    const std::vector<const load::Loaded*>& below() const { return options_.below; }

private:
    const xen::Image& image_;
    std::optional<xen::EfiMap> efi_map_;
    load::Options options_;
    std::vector<std::shared_ptr<const load::Loaded>> owned_; // what options_.below points to
};

// The name that a payload's file is uploaded under.
std::string upload_name(const std::filesystem::path&);

} // namespace xlp::pipeline
