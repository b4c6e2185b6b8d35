// SPDX-License-Identifier: GPL-2.0-only
// A hypervisor made ready to be tried: scenarios run on it, each on a fresh machine. This is the
// library's front door; the verbs of xlp-qa, the corpus runner and the differential tests use it.
#pragma once

#include "payload/base/result.h"

#include "tools/common/cache.h"
#include "tools/xlp-qa/machine/accelerator.h"
#include "tools/xlp-qa/machine/archive.h"
#include "tools/xlp-qa/machine/machine.h"
#include "tools/xlp-qa/scenario/death.h"

#include <filesystem>
#include <optional>

namespace xlp::qa {

namespace fs = std::filesystem;

struct Assets {
    fs::path xen;      // xen.gz or its multiboot ELF
    fs::path xen_syms; // empty: not compared
    fs::path kernel;   // bzImage or vmlinux that can be dom0
    fs::path modules;  // lib/modules/VERSION; empty: found beside the kernel
    fs::path xlp;      // the tool that runs in dom0
    fs::path busybox = "/usr/bin/busybox";
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

// One thing to do in dom0.
struct Step {
    std::string name;      // for people: "apply fix"
    std::string verb;      // for programs: "apply", "probe"
    std::string subject;   // payload's name, or the probe's state
    std::string command;   // for sh; $XLP is the tool, the scenario's files lie below /xlp
    bool essential = true; // when it fails, the steps after it are left out
};

struct Scenario {
    std::vector<Member> files; // paths from the root
    std::vector<Step> steps;
};

enum class Verdict { passed, failed, skipped, died };
const char* to_string(Verdict);

struct StepResult {
    Step step;
    Verdict verdict = Verdict::skipped;
    int exit_code = -1;                // -1: it did not end
    int error_number = 0;              // the errno that the tool's output names; 0: none
    double seconds = 0;                // wall clock
    std::string output;                // stdout and stderr of the command
    std::vector<std::string> log;      // what the hypervisor said meanwhile, without "(XEN) "
    std::vector<std::string> dom0_log; // what the dom0 kernel said meanwhile
};

struct Outcome {
    bool restored = false;         // from a saved state
    std::string running_build_id;  // as the hypervisor itself says; empty when it never came up
    std::vector<StepResult> steps; // the first is "boot"
    std::optional<Death> death;    // the machine's end, unless we ended it
    std::string serial;            // all of the serial line
    double seconds = 0;
    Findings notes; // warnings about the way, not about the payload

    bool passed() const;
};

class Testbed {
public:
    // Unpacks, extracts and assembles, or finds all that in the cache. Gathers every finding about
    // the assets: bad input, or environment for what the machine lacks.
    static Result<Testbed> prepare(const Assets&, const Settings&);

    // Runs a scenario on a machine of its own, which is gone afterwards, whatever happens. A step
    // that fails and a hypervisor that dies are part of the outcome; errors are those of the
    // environment. Safe to call from several threads at once.
    Result<Outcome> run(const Scenario&) const;

    const std::string& xen_build_id() const { return xen_build_id_; }
    const Accelerator& accelerator() const { return accelerator_; }
    const std::string& cpu() const { return image_.cpu; }

private:
    Testbed(fs::path cache, Settings settings)
        : cache_(std::move(cache)), settings_(std::move(settings)) {}

    Result<fs::path> saved_state() const;
    Result<Outcome> run_from(const Scenario&, const fs::path* state) const;

    fs::path cache_;
    Settings settings_;
    Accelerator accelerator_;
    BootImage image_;
    std::string state_key_;
    std::string xen_build_id_;
    std::string xen_syms_; // bytes, to name where a hang is
};

} // namespace xlp::qa
