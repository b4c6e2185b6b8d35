// SPDX-License-Identifier: GPL-2.0-only
// Who could have written this? As sshd's StrictModes: a file that decides what root does belongs to
// root, as every folder above it does, and nobody else may write to them.
#pragma once

#include "payload/base/result.h"

#include <filesystem>

namespace xlp::host {

// Looks at the path and all above it. Nothing when it is not there. "trust.mode", a refusal.
Result<void> only_ours(const std::filesystem::path&);

} // namespace xlp::host
