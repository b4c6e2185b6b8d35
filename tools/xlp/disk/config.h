// SPDX-License-Identifier: GPL-2.0-only
// /etc/xlp/xlp.conf (TOML; xlp.conf(5)). Everything has a default; what is not known is an error,
// so that a misspelt policy does not go unnoticed.
#pragma once

#include "payload/base/result.h"

#include <chrono>
#include <filesystem>
#include <string>

namespace xlp::host {

enum class Policy {
    require, // unsigned or wrongly signed: refused
    warn,    // the same once a trusted key is installed; before that, unsigned is taken
    off      // not looked at
};

const char* to_string(Policy);

struct Config {
    Policy signatures = Policy::warn;
    std::filesystem::path keys;  // empty: /etc/xlp/keys.d
    std::filesystem::path store; // empty: /usr/lib/xen-livepatch
    bool sync_at_boot = true;
    std::chrono::nanoseconds rendezvous = std::chrono::milliseconds(250); // longest standstill
    std::chrono::nanoseconds settle = std::chrono::minutes(15);           // time on trial
    std::chrono::nanoseconds health = std::chrono::seconds(30);           // for one health check
};

// A missing file gives the defaults. Errors: "config.malformed", kind `input`, with the line;
// "trust.mode" where others could have written it.
// "30ms", "500us", "30000000ns", "2s", "15min"; a bare number is milliseconds. Usage finding
// otherwise.
Result<std::chrono::nanoseconds> parse_duration(const std::string&);

Result<Config> read_config(const std::filesystem::path&);

} // namespace xlp::host
