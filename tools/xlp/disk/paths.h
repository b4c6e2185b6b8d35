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
    std::filesystem::path state() const { return root / "var/lib/xlp"; }
    std::filesystem::path trial() const { return state() / "trial.json"; }
    std::filesystem::path held() const { return state() / "held.json"; }
    std::filesystem::path hold_words() const { return state() / "hold-words.json"; }
    std::filesystem::path settled() const { return state() / "settled.json"; }
    std::filesystem::path serials() const { return state() / "index-serials.json"; }
    std::filesystem::path last_sync() const { return state() / "last-sync.json"; }
    std::filesystem::path reserve() const { return state() / "reserve"; }
    // the operator's
    std::filesystem::path config() const { return root / "etc/xlp/xlp.conf"; }
    std::filesystem::path keys() const { return root / "etc/xlp/keys.d"; }
    std::filesystem::path holds() const { return root / "etc/xlp/hold.d"; }
    std::filesystem::path health() const { return root / "etc/xlp/health.d"; }
    std::filesystem::path store() const { return root / "usr/lib/xen-livepatch"; }
    std::filesystem::path boot_id() const { return root / "proc/sys/kernel/random/boot_id"; }
    std::filesystem::path loginuid() const { return root / "proc/self/loginuid"; }
    std::filesystem::path xensyms() const { return root / "proc/xen/xensyms"; }
    std::filesystem::path kernel_command_line() const { return root / "proc/cmdline"; }
};

} // namespace xlp::host
