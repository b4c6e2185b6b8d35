// SPDX-License-Identifier: GPL-2.0-only
#include "tests/nested/dom0.h"

#include "payload/base/file.h"
#include "payload/base/hash.h"
#include "tools/common/cache.h"
#include "tools/common/process.h"
#include "tools/xlp-qa/machine/accelerator.h"
#include "tools/xlp-qa/machine/images.h"
#include "tools/xlp-qa/machine/modules.h"
#include "tools/xlp-qa/scenario/drive.h"

#include <fmt/format.h>

namespace xlp::qa {

namespace {

// Does what Debian's initramfs does: loads the modules, mounts the disk, starts its init.
constexpr char init_script[] = R"sh(#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /sysroot
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs devtmpfs /dev
while read -r module; do /bin/busybox insmod "/modules/$module.ko"; done </modules/list
i=0
until [ -b /dev/vdb ] || [ $i -ge 1200 ]; do /bin/busybox usleep 50000; i=$((i + 1)); done
/bin/busybox mount -t ext4 /dev/vdb /sysroot
for f in proc sys dev; do /bin/busybox mount -o move /$f /sysroot/$f; done
exec /bin/busybox switch_root /sysroot /sbin/init
)sh";

Result<std::string> make_dom0_initramfs(const fs::path& busybox, const fs::path& modules) {
    auto shell = read_text(busybox);
    if (!shell)
        return fail(shell);
    // ext4 requests its checksum as an algorithm, so its file does not list the module
    auto needed = collect_modules(modules, {"virtio_pci", "virtio_blk", "crc32c_generic", "ext4"});
    if (!needed)
        return fail(needed);
    std::vector<Member> members = {device_node("dev/console", 5, 1),
                                   regular_file("init", init_script, true),
                                   regular_file("bin/busybox", std::move(*shell), true)};
    std::string list;
    for (Module& m : *needed) {
        list += m.name + '\n';
        members.push_back(regular_file("modules/" + m.name + ".ko", std::move(m.data)));
    }
    members.push_back(regular_file("modules/list", std::move(list)));
    return cpio_archive(members);
}

fs::path kernel_in(const fs::path& folder) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error))
        if (entry.path().filename().string().starts_with("vmlinuz-"))
            return entry.path();
    return {};
}

Result<void> run_make_disk(const fs::path& folder) {
    auto made = run_command(
        {.argv = {std::string(XLP_NESTED_SOURCE) + "/dom0/make-disk", XLP_BUILD_FOLDER, folder},
         .environment = {}},
        {});
    if (!made)
        return fail(made);
    if (!made->ok())
        return fail(
            environment("qa.no-dom0", made->err, "This requires Debian package lists and mke2fs."));
    return {};
}

// Waits until QEMU ends, or prints nothing for too long.
Result<void> wait_for_end(Machine& machine, const Settings& settings,
                          Machine::Clock::time_point deadline) {
    for (Line line;;) {
        auto event = machine.next(line, settings.silence, deadline);
        if (!event)
            return fail(event);
        if (*event != Machine::Event::line)
            return {};
    }
}

} // namespace

Result<Dom0> Dom0::make(const Assets& assets, const Settings& settings, const fs::path& folder) {
    Dom0 dom0(settings, folder);
    if (auto made = run_make_disk(folder); !made)
        return fail(made);
    if (auto made = make_folder(settings.cache); !made)
        return fail(made);
    auto xen_file = read_text(assets.xen);
    const fs::path kernel = kernel_in(folder);
    auto kernel_file = read_text(kernel);
    if (!xen_file || !kernel_file)
        return fail(xen_file ? kernel_file : xen_file);
    auto xen = xen_image(*xen_file, assets.xen);
    auto initramfs = make_dom0_initramfs(assets.busybox, fs::canonical(folder / "modules"));
    auto accelerator = choose_accelerator(settings.accelerator);
    if (!xen || !initramfs || !accelerator)
        return fail(!xen ? xen.error() : !initramfs ? initramfs.error() : accelerator.error());
    // unpacking the kernel takes longer than all the rest
    auto vmlinux = cache::file(settings.cache, "vmlinux", key_of({*kernel_file}),
                               [&] { return dom0_image(*kernel_file, kernel); });
    if (!vmlinux)
        return fail(vmlinux);
    BootImage& image = dom0.image_;
    image.qemu = settings.qemu;
    image.accelerator = accelerator->name;
    image.cpu = default_cpu(*accelerator) + ",+rdrand"; // else randomness takes minutes
    image.memory_mib = 512;
    image.dom0_mib = 320;
    image.kernel_arguments = "systemd.show_status=false";
    image.vmlinux = std::move(*vmlinux);
    image.xen = folder / "xen";
    image.initramfs = folder / "initramfs";
    image.lasting = folder / "root.ext4";
    for (auto& [file, content] :
         {std::pair(&image.xen, &xen->bytes), std::pair(&image.initramfs, &*initramfs)})
        if (auto written = write_file(*file, *content); !written)
            return fail(written);
    return dom0;
}

Result<Life> Dom0::live(const Scenario& scenario, End end) const {
    std::vector<Member> members = scenario.files;
    for (std::size_t i = 0; i < scenario.steps.size(); ++i)
        members.push_back(
            regular_file(fmt::format("xlp/steps/{}", i), scenario.steps[i].command + '\n'));
    auto scratch = cache::Scratch::make(folder_);
    if (!scratch)
        return fail(scratch);
    const auto begin = Machine::Clock::now();
    auto machine =
        Machine::start({image_, scratch->path(), cpio_archive(members), nullptr, settings_.cancel});
    if (!machine)
        return fail(machine);
    Life life;
    Drive drive(*machine, settings_, {}, life.outcome);
    if (auto done = drive.run(scenario, false); !done)
        return fail(done);
    if (end == End::by_itself && life.outcome.steps.back().verdict != Verdict::skipped)
        if (auto ended = wait_for_end(*machine, settings_, begin + settings_.limit); !ended)
            return fail(ended);
    life.how = machine->shutdown_reason();
    machine->end();
    life.outcome.serial = machine->serial();
    life.outcome.seconds = std::chrono::duration<double>(Machine::Clock::now() - begin).count();
    return life;
}

} // namespace xlp::qa
