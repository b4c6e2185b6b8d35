// SPDX-License-Identifier: GPL-2.0-only
// A payload file read into memory, once, with what the host tool has to know about it.
#pragma once

#include "payload/base/result.h"
#include "tools/xlp/plan/plan.h"

#include <filesystem>
#include <memory>

namespace xlp::host {

// Reads the file. The ids are empty where the file has none that can be read: whether
// that is a fault is for the pre-flight (preflight.h) to say.
Result<std::shared_ptr<Blob>> read_blob(const std::filesystem::path&);

} // namespace xlp::host
