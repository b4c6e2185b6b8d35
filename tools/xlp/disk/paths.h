// SPDX-License-Identifier: GPL-2.0-only
// Where xlp keeps things (docs/xlp.md); all below one root, which is / but for tests.
#pragma once

#include <filesystem>

namespace xlp::host {

struct Paths {
    std::filesystem::path root = "/";

    std::filesystem::path lock() const { return root / "run/xlp.lock"; }
    // gone with the hypervisor's state, at reboot
    std::filesystem::path run() const { return root / "run/xlp"; }
    std::filesystem::path journal() const { return run() / "journal.json"; }
    std::filesystem::path loaded() const { return run() / "loaded.json"; }
    std::filesystem::path spool() const { return run() / "payloads"; }
    // survives a crash
    std::filesystem::path guard() const { return root / "var/lib/xlp/guard.json"; }
    std::filesystem::path crash() const { return root / "var/lib/xlp/crash.json"; }
    std::filesystem::path config() const { return root / "etc/xlp/xlp.conf"; }
    std::filesystem::path keys() const { return root / "etc/xlp/keys.d"; }
    std::filesystem::path store() const { return root / "usr/lib/xen-livepatch"; }
    std::filesystem::path boot_id() const { return root / "proc/sys/kernel/random/boot_id"; }
    std::filesystem::path kernel_command_line() const { return root / "proc/cmdline"; }
};

} // namespace xlp::host
