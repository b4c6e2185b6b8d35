// SPDX-License-Identifier: GPL-2.0-only
// A payload with its manifest and signature, read into memory once. Whatever is checked or uploaded
// later comes from here: nobody looks at the files a second time.
#pragma once

#include "payload/base/result.h"
#include "payload/manifest/manifest.h"
#include "tools/xlp/plan/plan.h"

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace xlp::host {

struct Bundle {
    std::filesystem::path file;
    std::shared_ptr<Blob> blob;
    manifest::Manifest about; // from the manifest, or from the payload itself where there is none
    std::optional<std::string> manifest_text;  // the file, byte for byte
    std::optional<std::string> signature_text; // likewise
    std::string signed_by;                     // id of the trusted key; empty when not verified
};

// Reads the three files. A manifest that is malformed or of another payload is an error.
Result<Bundle> read_bundle(const std::filesystem::path& payload);

} // namespace xlp::host
