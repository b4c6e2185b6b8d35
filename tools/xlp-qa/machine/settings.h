// SPDX-License-Identifier: GPL-2.0-only
// What is tried, and how.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>

namespace xlp::qa {

namespace fs = std::filesystem;

struct Assets {
    fs::path xen;      // xen.gz, its multiboot ELF, or xen.efi
    fs::path xen_syms; // empty: not compared
    fs::path kernel;   // bzImage or vmlinux that can be dom0
    fs::path modules;  // lib/modules/VERSION; empty: found beside the kernel
    fs::path xlp;      // the tool that runs in dom0
    fs::path busybox = "/usr/bin/busybox";
    fs::path firmware; // for xen.efi; empty: where distributions have it
    fs::path launcher; // xlp-qa-guest, which starts guests; empty: there are none
};

struct Settings {
    fs::path cache; // empty: the user's cache folder
    std::string qemu = "qemu-system-x86_64";
    std::string accelerator = "auto"; // or "kvm", "tcg"
    std::string cpu;                  // QEMU's name for the model; empty: default_cpu()
    std::string xen_arguments;
    std::string kernel_arguments;
    unsigned cpus = 1;
    unsigned memory_mib = 384;
    unsigned dom0_mib = 192;
    bool snapshot = true;                             // restore a saved state in place of booting
    std::chrono::seconds silence{120};                // no output for so long: it hangs
    std::chrono::seconds limit{1800};                 // for one whole run
    int cancel = -1;                                  // readable when everything shall stop
    std::function<void(const std::string&)> progress; // what is being done; from any thread
};

} // namespace xlp::qa
