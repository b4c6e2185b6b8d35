// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-qa/scenario/testbed.h"

#include "payload/base/file.h"
#include "payload/base/hash.h"
#include "payload/base/parallel.h"
#include "tools/common/lock.h"
#include "tools/common/process.h"
#include "tools/xlp-qa/machine/images.h"
#include "tools/xlp-qa/scenario/drive.h"
#include "tools/xlp-qa/scenario/guest.h"

#include <algorithm>
#include <fmt/format.h>

namespace xlp::qa {

namespace {

// A change to how states are made, or to what the guest does, makes older states unfit.
constexpr char state_format[] = "2";

constexpr std::size_t states_kept = 4; // some 170 MB each
constexpr std::size_t images_kept = 8;

// As a package unpacks: boot/vmlinuz-VERSION beside lib/modules/VERSION.
fs::path modules_beside(const fs::path& kernel) {
    const std::string name = kernel.filename();
    std::size_t dash = name.find('-');
    if (dash == name.npos)
        return {};
    std::error_code error;
    fs::path boot = fs::absolute(kernel, error).parent_path();
    for (const char* way : {"../lib/modules", "../usr/lib/modules"})
        if (fs::path found = boot / way / name.substr(dash + 1); fs::is_directory(found, error))
            return found.lexically_normal();
    return {};
}

Finding no_modules(const fs::path& kernel) {
    return bad_input("qa.no-modules", "The kernel's modules are not next to it.",
                     "Specify the lib/modules/VERSION directory with --modules.",
                     {kernel.string(), {}, {}, 0});
}

// OVMF in one file, where the packages of Debian, SUSE and Arch put it.
Result<fs::path> find_firmware(const fs::path& given) {
    if (!given.empty())
        return given;
    std::error_code error;
    for (const char* file : {"/usr/share/ovmf/OVMF.fd", "/usr/share/qemu/ovmf-x86_64.bin",
                             "/usr/share/edk2/x64/OVMF.4m.fd"})
        if (fs::exists(file, error))
            return file;
    return fail(environment("qa.no-firmware", "There is no EFI firmware to start xen.efi.",
                            "Install it (apt-get install ovmf), or specify --firmware FILE."));
}

// Gathers findings, so that all faults of the assets are told at once.
template <class T>
T keep(Result<T> result, Findings& findings) {
    if (result)
        return std::move(*result);
    append(findings, result.error());
    return {};
}

} // namespace

const char* to_string(Verdict v) {
    switch (v) {
    case Verdict::passed:
        return "passed";
    case Verdict::failed:
        return "failed";
    case Verdict::skipped:
        return "skipped";
    case Verdict::died:
        return "died";
    }
    return "";
}

bool Outcome::passed() const {
    return !death && std::all_of(steps.begin(), steps.end(), [](const StepResult& s) {
        return s.verdict == Verdict::passed;
    });
}

Result<Testbed> Testbed::prepare(const Assets& assets, const Settings& settings) {
    Testbed bed(settings.cache.empty() ? cache::default_folder() : fs::absolute(settings.cache),
                settings);
    if (auto ok = make_folder(bed.cache_); !ok)
        return fail(ok);
    Findings findings;

    auto version = run_command({.argv = {settings.qemu, "--version"}, .environment = {}}, {});
    if (!version)
        append(findings,
               {environment("qa.no-qemu", version.error().front().why,
                            "Install it (apt-get install qemu-system-x86), or specify --qemu.")});

    bed.accelerator_ = keep(choose_accelerator(settings.accelerator), findings);

    std::string xen_file = keep(read_text(assets.xen), findings);
    std::string xen_key = key_of({xen_file});
    XenImage xen = xen_file.empty() ? XenImage{} : keep(xen_image(xen_file, assets.xen), findings);
    bed.xen_build_id_ = xen.build_id;
    if (xen.efi)
        bed.image_.firmware = keep(find_firmware(assets.firmware), findings);
    if (!assets.xen_syms.empty()) {
        bed.xen_syms_ = keep(read_text(assets.xen_syms), findings);
        std::string id = build_id(bed.xen_syms_);
        if (!xen.bytes.empty() && !xen.efi && !bed.xen_syms_.empty() && id != bed.xen_build_id_)
            findings.push_back(bad_input(
                "qa.other-build",
                fmt::format("The build-id of xen-syms is {}, but that of the hypervisor is {}.",
                            id.empty() ? "missing" : id, bed.xen_build_id_),
                "Use both from the same version of the package.",
                {assets.xen_syms.string(), {}, {}, 0}));
    }

    std::string kernel_file = keep(read_text(assets.kernel), findings);
    std::string kernel_key = key_of({kernel_file});
    fs::path modules = assets.modules.empty() ? modules_beside(assets.kernel) : assets.modules;
    std::string initramfs;
    if (!kernel_file.empty() && modules.empty())
        findings.push_back(no_modules(assets.kernel));
    else if (!kernel_file.empty())
        initramfs =
            keep(make_initramfs({assets.busybox, assets.xlp, modules, assets.launcher}), findings);
    if (has_errors(findings))
        return fail(std::move(findings));

    std::string initramfs_key = key_of({initramfs});
    bed.image_.qemu = settings.qemu;
    bed.image_.xen = keep(
        cache::file(bed.cache_, "xen", xen_key, [&] { return Result<std::string>(xen.bytes); }),
        findings);
    bed.image_.vmlinux = keep(cache::file(bed.cache_, "vmlinux", kernel_key,
                                          [&] { return dom0_image(kernel_file, assets.kernel); }),
                              findings);
    bed.image_.initramfs = keep(cache::file(bed.cache_, "initramfs", initramfs_key,
                                            [&] { return Result<std::string>(initramfs); }),
                                findings);
    if (has_errors(findings))
        return fail(std::move(findings));
    bed.image_.accelerator = bed.accelerator_.name;
    bed.image_.cpu = settings.cpu.empty() ? default_cpu(bed.accelerator_) : settings.cpu;
    bed.image_.cpus = settings.cpus;
    bed.image_.memory_mib = settings.memory_mib;
    bed.image_.dom0_mib = settings.dom0_mib;
    bed.image_.xen_arguments = settings.xen_arguments;
    bed.image_.kernel_arguments = settings.kernel_arguments;
    std::string arguments;
    for (const std::string& a : Machine::arguments(bed.image_))
        arguments += a + '\0';
    if (xen.efi)
        arguments += Machine::efi_configuration(bed.image_)
                     + key_of({keep(read_text(bed.image_.firmware), findings)});
    bed.state_key_ =
        key_of({state_format, version->out, xen_key, kernel_key, initramfs_key, arguments});
    for (const char* kind : {"xen", "vmlinux", "initramfs"})
        cache::prune_files(bed.cache_, kind, images_kept);
    cache::prune_files(bed.cache_, "state", states_kept);
    cache::prune_files(bed.cache_, "lock", states_kept);
    cache::sweep(bed.cache_);
    return bed;
}

// A state once made serves all later runs; who comes while it is being made waits for it.
Result<fs::path> Testbed::saved_state() const {
    const fs::path state = cache_ / ("state-" + state_key_);
    std::error_code error;
    std::optional<FileLock> lock;
    while (!fs::exists(state, error)) {
        auto got = FileLock::try_take(cache_ / ("lock-" + state_key_), FileLock::Mode::exclusive);
        if (!got)
            return fail(got);
        if (*got) {
            lock = std::move(*got);
            break;
        }
        auto tick = wait_readable(-1, settings_.cancel,
                                  Machine::Clock::now() + std::chrono::milliseconds(200));
        if (!tick)
            return fail(tick);
    }
    if (fs::exists(state, error)) {
        fs::last_write_time(state, fs::file_time_type::clock::now(), error); // used: prune()
        return state;
    }
    auto folder = cache::Scratch::make(cache_);
    if (!folder)
        return fail(folder);
    if (settings_.progress)
        settings_.progress("booting the hypervisor once, to save its state for later runs");
    auto machine = Machine::start({image_, folder->path(), {}, nullptr, settings_.cancel});
    if (!machine)
        return fail(machine);
    Outcome outcome;
    Drive drive(*machine, settings_, xen_syms_, outcome);
    auto ready = drive.wait_until_ready();
    if (!ready)
        return fail(ready);
    if (!*ready)
        return fail(
            environment("qa.no-state", "The machine did not boot far enough to save its state."));
    if (auto saved = machine->save(folder->path() / "state"); !saved)
        return fail(saved);
    fs::rename(folder->path() / "state", state, error);
    if (error)
        return fail(
            environment("file.unwritable", error.message(), {}, {state.string(), {}, {}, 0}));
    return state;
}

Result<Outcome> Testbed::run_from(const Scenario& scenario, const fs::path* state) const {
    std::vector<Member> members = scenario.files;
    for (std::size_t i = 0; i < scenario.steps.size(); ++i)
        members.push_back(
            regular_file(fmt::format("xlp/steps/{}", i), scenario.steps[i].command + '\n'));
    const std::string disk = cpio_archive(members);
    const auto begin = Machine::Clock::now();
    auto folder = cache::Scratch::make(cache_);
    if (!folder)
        return fail(folder);
    auto machine = Machine::start({image_, folder->path(), disk, state, settings_.cancel});
    if (!machine)
        return fail(machine);
    Outcome outcome;
    outcome.restored = state;
    Drive drive(*machine, settings_, xen_syms_, outcome);
    auto done = drive.run(scenario, state);
    machine->end();
    if (!done)
        return fail(done);
    outcome.serial = machine->serial();
    outcome.seconds = std::chrono::duration<double>(Machine::Clock::now() - begin).count();
    return outcome;
}

Result<Outcome> Testbed::run(const Scenario& scenario) const {
    auto interrupted = [](const Findings& f) { return f.front().code == "qa.interrupted"; };
    if (!settings_.snapshot)
        return run_from(scenario, nullptr);
    auto state = saved_state();
    if (!state && interrupted(state.error()))
        return fail(state);
    Finding why_cold;
    if (state) {
        auto outcome = run_from(scenario, &*state);
        // a machine that does not come up from its state says nothing about the payload
        if (outcome ? !outcome->running_build_id.empty() : interrupted(outcome.error()))
            return outcome;
        std::error_code ignored;
        fs::remove(*state, ignored);
        why_cold = warning("qa.restore-failed",
                           "The saved state did not resume; the machine was booted instead.");
    } else {
        why_cold = warning("qa.no-state", "No state could be saved: " + state.error().front().why);
    }
    auto outcome = run_from(scenario, nullptr);
    if (outcome)
        outcome->notes.push_back(std::move(why_cold));
    return outcome;
}

} // namespace xlp::qa
