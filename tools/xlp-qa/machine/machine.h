// SPDX-License-Identifier: GPL-2.0-only
// One QEMU that runs one hypervisor, with its serial line and its monitor.
#pragma once

#include "payload/base/result.h"

#include "payload/base/descriptor.h"
#include "tools/common/cache.h"
#include "tools/common/process.h"
#include "tools/xlp-qa/machine/console.h"
#include "tools/xlp-qa/machine/qmp.h"

#include <deque>
#include <filesystem>

namespace xlp::qa {

namespace fs = std::filesystem;

// What is booted, and on what.
struct BootImage {
    std::string qemu = "qemu-system-x86_64";
    fs::path firmware; // that starts `xen', an EFI program; empty: `xen' is a multiboot ELF
    fs::path xen;
    fs::path vmlinux;   // dom0 kernel
    fs::path initramfs; // cpio
    fs::path lasting;   // a raw disk that dom0 may write to, its second; empty: there is none
    std::string accelerator = "tcg";
    std::string cpu = "qemu64,+svm,+npt";
    unsigned cpus = 1;
    unsigned memory_mib = 384;
    unsigned dom0_mib = 192;
    std::string xen_arguments;    // added to Xen's command line
    std::string kernel_arguments; // added to dom0's
};

// The guest's disk: always of this size, so that a snapshot fits every run.
inline constexpr std::size_t disk_bytes = 64u << 20;

class Machine {
public:
    using Clock = std::chrono::steady_clock;

    struct Start {
        const BootImage& image;
        fs::path folder;                 // a scratch folder; ours for the machine's life
        std::string_view disk;           // content; at most disk_bytes
        const fs::path* state = nullptr; // a saved state to go on from, in place of a boot
        int cancel = -1;                 // readable when everything shall stop
    };

    // Starts QEMU; with a state, waits until it is restored and lets it run.
    static Result<Machine> start(const Start&);

    // The QEMU arguments, and Xen's configuration where a firmware starts it, that decide what a
    // saved state fits: the same for every run of an image.
    static std::vector<std::string> arguments(const BootImage&);
    static std::string efi_configuration(const BootImage&);

    enum class Event { line, silence, ended };
    // The next line of the guest. `silence`: no byte came for `patience`, or the `deadline` passed;
    // `ended`: QEMU is gone. Errors: `qa.interrupted`.
    Result<Event> next(Line& line, Clock::duration patience, Clock::time_point deadline);

    void send(std::string_view text); // to the guest's console

    // Stops the guest and writes its state to `file`.
    Result<void> save(const fs::path& file);

    // Where the processor is, for one that hangs: the monitor's RIP (0 when it does not say).
    std::uint64_t instruction_pointer();

    // Ends QEMU, if it has not ended.
    void end();
    std::string shutdown_reason() { return monitor_.shutdown_reason(); }
    std::string qemu_messages() const;                    // its stdout and stderr
    const std::string& serial() const { return serial_; } // all that came over the line

private:
    Machine(Child child, Monitor monitor, Descriptor console, Descriptor messages, int cancel)
        : child_(std::move(child)), monitor_(std::move(monitor)), console_(std::move(console)),
          messages_(std::move(messages)), cancel_(cancel) {}
    Result<void> wait_until_restored();

    Child child_;
    Monitor monitor_;
    Descriptor console_, messages_;
    int cancel_;
    LineReader reader_;
    std::deque<Line> lines_;
    std::string serial_;
};

} // namespace xlp::qa
