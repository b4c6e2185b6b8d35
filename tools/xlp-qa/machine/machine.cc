// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-qa/machine/machine.h"

#include "payload/base/descriptor.h"
#include "payload/base/file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

namespace xlp::qa {

namespace {

using namespace std::chrono_literals;

constexpr auto monitor_patience = 60s;
constexpr auto save_patience = 180s;

// Names in the scratch folder, which is QEMU's working folder: its arguments hold no path, and so
// neither commas nor spaces, which -initrd would split at, and are the same for every run.
constexpr char disk_name[] = "disk", state_name[] = "state", lasting_name[] = "lasting",
               firmware_name[] = "firmware";
// What the firmware takes for its disk; the program that it starts, and what that reads.
constexpr char system_name[] = "system", boot_folder[] = "system/EFI/BOOT";

Result<void> make_disk(const fs::path& file, std::string_view content) {
    if (content.size() > disk_bytes)
        return fail(bad_input(
            "qa.too-large", fmt::format("The payloads and files total {} MiB; the limit is {} MiB.",
                                        content.size() >> 20, disk_bytes >> 20)));
    if (auto written = write_file(file, content); !written)
        return written;
    std::error_code error;
    fs::resize_file(file, disk_bytes, error); // sparse
    if (error)
        return fail(
            environment("file.unwritable", error.message(), {}, {file.string(), {}, {}, 0}));
    return {};
}

Result<void> link_files(const BootImage& image, const fs::path& folder, const fs::path* state) {
    std::error_code error;
    auto link = [&](const fs::path& to, const fs::path& name) {
        if (!error)
            fs::create_symlink(fs::absolute(to), folder / name, error);
    };
    const fs::path boot = image.firmware.empty() ? "" : boot_folder;
    if (!image.firmware.empty()) {
        fs::create_directories(folder / boot, error);
        link(image.firmware, firmware_name);
        if (auto ok = write_file(folder / boot / "BOOTX64.cfg", Machine::efi_configuration(image));
            !ok)
            return ok;
    }
    link(image.xen, boot / (boot.empty() ? "xen" : "BOOTX64.EFI"));
    link(image.vmlinux, boot / "vmlinux");
    link(image.initramfs, boot / "initramfs");
    if (!image.lasting.empty())
        link(image.lasting, lasting_name);
    if (state)
        link(*state, state_name);
    if (error)
        return fail(
            environment("file.unwritable", error.message(), {}, {folder.string(), {}, {}, 0}));
    return {};
}

struct Pair {
    Descriptor ours, theirs;
};

Result<Pair> socket_pair() {
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
        return fail(environment("qa.socket", "socketpair(2) failed."));
    return Pair{Descriptor(fds[0]), Descriptor(fds[1])};
}

} // namespace

namespace {

std::string xen_command_line(const BootImage& image) {
    return fmt::format("console=com1 com1=115200 dom0_mem={}M loglvl=all guest_loglvl=all{}{}",
                       image.dom0_mib, image.xen_arguments.empty() ? "" : " ", image.xen_arguments);
}

std::string dom0_command_line(const BootImage& image) {
    return fmt::format("vmlinux console=hvc0 panic=-1 quiet{}{}",
                       image.kernel_arguments.empty() ? "" : " ", image.kernel_arguments);
}

} // namespace

// docs/misc/efi.pandoc in Xen's source
std::string Machine::efi_configuration(const BootImage& image) {
    return fmt::format("[global]\ndefault=qa\n[qa]\noptions={}\nkernel={}\nramdisk=initramfs\n",
                       xen_command_line(image), dom0_command_line(image));
}

std::vector<std::string> Machine::arguments(const BootImage& image) {
    // All processors by turns on one thread: with a thread each, a busy host can keep one from
    // running for so long that the hypervisor's CPUs do not meet in time.
    std::vector<std::string> all = {
        "-accel",
        image.accelerator == "tcg" && image.cpus != 1 ? "tcg,thread=single" : image.accelerator,
        "-cpu", image.cpu, "-machine", "pc", "-m", fmt::format("{}M", image.memory_mib),
        "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
        // the descriptors are those that start() passes
        "-chardev", "socket,id=serial,fd=3", "-serial", "chardev:serial", "-chardev",
        "socket,id=monitor,fd=4", "-mon", "chardev=monitor,mode=control", "-drive",
        fmt::format("if=none,id=disk,file={},format=raw,readonly=on", disk_name), "-device",
        "virtio-blk-pci,drive=disk"};
    if (image.firmware.empty())
        all.insert(all.end(), {"-kernel", "xen", "-append", xen_command_line(image), "-initrd",
                               dom0_command_line(image) + ",initramfs"});
    else
        all.insert(all.end(), {"-bios", firmware_name, "-drive",
                               fmt::format("if=none,id=system,file=fat:{},format=raw,readonly=on",
                                           system_name),
                               "-device", "virtio-blk-pci,drive=system,bootindex=0"});
    if (image.cpus != 1)
        all.insert(all.end(), {"-smp", std::to_string(image.cpus)});
    // what dom0 wrote is the host's at once, and so outlives QEMU without waiting for the medium
    if (!image.lasting.empty())
        all.insert(all.end(),
                   {"-drive",
                    fmt::format("if=none,id=lasting,file={},format=raw,cache=unsafe", lasting_name),
                    "-device", "virtio-blk-pci,drive=lasting"});
    return all;
}

Result<Machine> Machine::start(const Start& s) {
    if (auto made = make_disk(s.folder / disk_name, s.disk); !made)
        return fail(made);
    if (auto linked = link_files(s.image, s.folder, s.state); !linked)
        return fail(linked);
    auto console = socket_pair();
    auto monitor = socket_pair();
    if (!console || !monitor)
        return fail(console ? monitor.error() : console.error());
    Descriptor messages(memfd_create("qemu", MFD_CLOEXEC));

    std::vector<std::string> argv = {s.image.qemu};
    for (std::string& a : arguments(s.image))
        argv.push_back(std::move(a));
    if (s.state)
        argv.insert(argv.end(), {"-incoming", fmt::format("exec:cat {}", state_name)});
    ChildOptions options;
    options.folder = s.folder;
    options.passed = {console->theirs.get(), monitor->theirs.get()};
    options.output = options.error = messages.get();
    auto child = Child::start(argv, options);
    if (!child)
        return fail(child);

    Machine machine(std::move(*child), Monitor(std::move(monitor->ours), s.cancel),
                    std::move(console->ours), std::move(messages), s.cancel);
    console->theirs.close(); // so that the line closes when QEMU ends
    monitor->theirs.close();
    auto greeted = machine.monitor_.greet(Clock::now() + monitor_patience);
    if (greeted && s.state)
        greeted = machine.wait_until_restored();
    if (!greeted) {
        machine.end();
        Findings why = greeted.error();
        if (std::string said = machine.qemu_messages(); !said.empty())
            why.front().why += fmt::format(" QEMU said: {}", said);
        return fail(std::move(why));
    }
    return machine;
}

Result<void> Machine::wait_until_restored() {
    const auto deadline = Clock::now() + monitor_patience;
    for (;;) {
        auto status = monitor_.command("query-status", nlohmann::json::object(), deadline);
        if (!status)
            return fail(status);
        if (status->value("status", "") != "inmigrate")
            break;
        // QEMU reads the state on a thread of its own and tells of the end only when asked
        if (auto tick = wait_readable(-1, cancel_, Clock::now() + 10ms); !tick)
            return fail(tick);
        if (Clock::now() > deadline)
            return fail(environment("qa.restore", "The saved state was not restored in time."));
    }
    auto going = monitor_.command("cont", nlohmann::json::object(), deadline);
    if (!going)
        return fail(going);
    return {};
}

Result<Machine::Event> Machine::next(Line& line, Clock::duration patience,
                                     Clock::time_point deadline) {
    std::array<char, 4096> buffer;
    while (lines_.empty()) {
        auto ready =
            wait_readable(console_.get(), cancel_, std::min(Clock::now() + patience, deadline));
        if (!ready)
            return fail(ready);
        if (!*ready)
            return Event::silence;
        ssize_t n = recv(console_.get(), buffer.data(), buffer.size(), 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return Event::ended;
        std::string_view bytes(buffer.data(), static_cast<std::size_t>(n));
        serial_ += bytes;
        for (Line& l : reader_.feed(bytes))
            lines_.push_back(std::move(l));
    }
    line = std::move(lines_.front());
    lines_.pop_front();
    return Event::line;
}

void Machine::send(std::string_view text) {
    while (!text.empty()) {
        ssize_t n = ::send(console_.get(), text.data(), text.size(), MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR)
            return; // it is gone, and next() says so
        text.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    }
}

Result<void> Machine::save(const fs::path& file) {
    const auto deadline = Clock::now() + save_patience;
    const nlohmann::json none = nlohmann::json::object();
    if (auto stopped = monitor_.command("stop", none, deadline); !stopped)
        return fail(stopped);
    // QEMU's limits are meant for a network; `file` lies in QEMU's own folder
    auto unlimited = monitor_.command("migrate-set-parameters",
                                      {{"max-bandwidth", std::int64_t{1} << 40}}, deadline);
    if (!unlimited)
        return fail(unlimited);
    nlohmann::json to = {{"uri", fmt::format("exec:cat > {}", file.filename().string())}};
    if (auto begun = monitor_.command("migrate", to, deadline); !begun)
        return fail(begun);
    for (;;) {
        auto progress = monitor_.command("query-migrate", none, deadline);
        if (!progress)
            return fail(progress);
        std::string status = progress->value("status", "");
        if (status == "completed")
            break;
        if (status == "failed" || status == "cancelled" || Clock::now() > deadline)
            return fail(
                environment("qa.save", fmt::format("QEMU could not save its state ({}).", status),
                            "Check the free space in the cache directory, or use --no-snapshot."));
        if (auto tick = wait_readable(-1, cancel_, Clock::now() + 20ms); !tick)
            return fail(tick);
    }
    if (auto quit = monitor_.command("quit", none, deadline); !quit)
        return fail(quit);
    child_.wait(); // also for `cat', which QEMU reaps
    return {};
}

std::uint64_t Machine::instruction_pointer() {
    auto answer = monitor_.command("human-monitor-command", {{"command-line", "info registers"}},
                                   Clock::now() + 5s);
    if (!answer || !answer->is_string())
        return 0;
    std::string text = answer->get<std::string>();
    std::size_t at = text.find("RIP=");
    return at == text.npos ? 0 : strtoull(text.c_str() + at + 4, nullptr, 16);
}

void Machine::end() {
    child_.end();
}

std::string Machine::qemu_messages() const {
    std::array<char, 4096> buffer;
    ssize_t n = pread(messages_.get(), buffer.data(), buffer.size(), 0);
    return {buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(n, 0))};
}

} // namespace xlp::qa
