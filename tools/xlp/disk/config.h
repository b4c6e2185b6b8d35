// SPDX-License-Identifier: GPL-2.0-only
// /etc/xlp/xlp.conf (TOML; xlp.conf(5)). Everything has a default; what is not known is an error,
// so that a misspelt policy does not go unnoticed.
#pragma once

#include "payload/base/result.h"

#include <filesystem>
#include <string>

namespace xlp::host {

enum class Policy {
    require, // unsigned or wrongly signed: refused
    warn,    // unsigned: a warning; wrongly signed: refused
    off      // not looked at
};

const char* to_string(Policy);

struct Config {
    Policy signatures = Policy::warn;
    std::filesystem::path keys;  // empty: /etc/xlp/keys.d
    std::filesystem::path store; // empty: /usr/lib/xen-livepatch
    bool sync_at_boot = true;
};

// A missing file gives the defaults. Errors: "config.malformed", kind `input`, with the line.
Result<Config> read_config(const std::filesystem::path&);

} // namespace xlp::host
