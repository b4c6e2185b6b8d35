// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-qa/verbs/options.h"

#include "payload/base/file.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sstream>
#include <unistd.h>

namespace xlp::qa {

namespace {

constexpr unsigned guest_overhead_mib = 6; // what the hypervisor keeps for a guest

bool is_program(const fs::path& p) {
    std::error_code error;
    return fs::is_regular_file(p, error) && access(p.c_str(), X_OK) == 0;
}

fs::path in_path(const std::string& name) {
    const char* list = getenv("PATH");
    std::istringstream folders(list ? list : "");
    for (std::string folder; std::getline(folders, folder, ':');)
        if (is_program(fs::path(folder) / name))
            return fs::path(folder) / name;
    return {};
}

// The xlp to run in dom0: never another one than asked for, nor a stand-in.
Result<fs::path> find_xlp(const std::string& given) {
    if (!given.empty()) {
        if (is_program(given))
            return fs::path(given);
        return fail(bad_input("qa.no-xlp", "This is not an executable program.", "Check --xlp.",
                              {given, {}, {}, 0}));
    }
    std::error_code error;
    fs::path here = fs::read_symlink("/proc/self/exe", error).parent_path();
    // installed beside each other or in bin and sbin, or each in its folder of a build tree
    for (const char* way : {"xlp", "../sbin/xlp", "../xlp/xlp"})
        if (is_program(here / way))
            return (here / way).lexically_normal();
    if (fs::path found = in_path("xlp"); !found.empty())
        return found;
    return fail(environment("qa.no-xlp", "The tool xlp, which runs in dom0, was not found.",
                            "Build it, or specify it with --xlp FILE."));
}

// The launcher of guests; nothing when there is none, as where libxen-dev was missing.
fs::path find_launcher(const std::string& given) {
    if (!given.empty())
        return given;
    std::error_code error;
    fs::path here = fs::read_symlink("/proc/self/exe", error).parent_path();
    for (const char* way : {"../libexec/xlp/xlp-qa-guest", "launcher/xlp-qa-guest"})
        if (is_program(here / way))
            return (here / way).lexically_normal();
    return {};
}

} // namespace

po::options_description machine_options() {
    po::options_description d("Options");
    auto text = [] { return po::value<std::string>(); };
    d.add_options() //
        ("xen", text()->required()->value_name("FILE"),
         "hypervisor: xen.gz, the ELF file in it, or xen.efi") //
        ("xen-syms", text()->required()->value_name("FILE"),
         "its symbol file, with the same build-id") //
        ("firmware", text()->value_name("FILE"),
         "EFI firmware that starts xen.efi, as for QEMU's -bios; default: OVMF.fd, if installed") //
        ("kernel", text()->required()->value_name("FILE"), "dom0 kernel: vmlinuz or vmlinux")     //
        ("modules", text()->value_name("DIR"),
         "lib/modules/VERSION of the kernel; default: next to it") //
        ("xlp", text()->value_name("FILE"),
         "the xlp that runs in dom0; default: next to xlp-qa, in its build tree, or in PATH")     //
        ("busybox", text()->value_name("FILE"), "a static busybox; default: from PATH")           //
        ("qemu", text()->default_value("qemu-system-x86_64")->value_name("FILE"), "the emulator") //
        ("cache", text()->value_name("DIR"), "default: $XDG_CACHE_HOME/xlp or ~/.cache/xlp")      //
        ("junit", text()->value_name("FILE"), "also write JUnit XML")                             //
        ("cpus", po::value<unsigned>()->default_value(1)->value_name("N"),
         "number of CPUs of the machine; more than one is slower")        //
        ("no-snapshot", "always boot instead of restoring a saved state") //
        ("timeout", po::value<unsigned>()->default_value(120)->value_name("SECONDS"),
         "seconds without output before the hypervisor counts as hung") //
        ("limit", po::value<unsigned>()->default_value(1800)->value_name("SECONDS"),
         "limit for one run as a whole")                                               //
        ("xen-args", text()->value_name("TEXT"), "appended to Xen's command line")     //
        ("kernel-args", text()->value_name("TEXT"), "appended to dom0's command line") //
        ("accel", text()->default_value("auto")->value_name("kvm|tcg"),
         "hardware or emulation; auto: hardware if it supports nesting") //
        ("cpu", text()->value_name("MODEL"),
         "QEMU CPU model; default: qemu64,+svm,+npt, or host with kvm") //
        ("launcher", text()->value_name("FILE"),
         "the xlp-qa-guest that starts guests in dom0; default: the one installed with xlp-qa");
    return d;
}

void add_life_cycle_options(po::options_description& d) {
    d.add_options()("serial", po::value<std::string>()->value_name("FILE"),
                    "also write the serial console log")(
        "cycles", po::value<unsigned>()->default_value(2)->value_name("N"),
        "how many times to apply and revert");
}

void add_payload_argument(po::options_description& d, bool required) {
    auto* value = po::value<std::vector<std::string>>();
    if (required)
        value->required();
    d.add_options()("payload", value, "");
}

Result<Testbed> prepare(const po::variables_map& vm, int cancel, const Progress& progress) {
    Assets assets;
    assets.xen = cli::text(vm, "xen");
    assets.xen_syms = cli::text(vm, "xen-syms");
    assets.firmware = cli::text(vm, "firmware");
    assets.kernel = cli::text(vm, "kernel");
    assets.modules = cli::text(vm, "modules");
    auto xlp = find_xlp(cli::text(vm, "xlp"));
    if (!xlp)
        return fail(xlp);
    assets.xlp = *xlp;
    assets.busybox = vm.count("busybox") ? fs::path(cli::text(vm, "busybox")) : in_path("busybox");
    assets.launcher = find_launcher(cli::text(vm, "launcher"));
    const bool needs_launcher = vm.count("guest") || vm.count("xtf");
    if (assets.launcher.empty() && needs_launcher)
        return fail(
            environment("qa.no-launcher", "The program xlp-qa-guest was not found.",
                        "Build xlp with libxen-dev installed, or specify --launcher FILE."));
    Settings settings;
    settings.accelerator = cli::text(vm, "accel");
    settings.cpu = cli::text(vm, "cpu");
    for (const std::string& text : cli::strings(vm, "guest"))
        if (auto guest = parse_inmate(text))
            settings.memory_mib += guest->number * (guest->memory_mib + guest_overhead_mib);
    settings.cache = cli::text(vm, "cache");
    settings.qemu = cli::text(vm, "qemu");
    settings.xen_arguments = cli::text(vm, "xen-args");
    settings.kernel_arguments = cli::text(vm, "kernel-args");
    settings.cpus = vm["cpus"].as<unsigned>();
    settings.snapshot = !vm.count("no-snapshot");
    settings.silence = std::chrono::seconds(vm["timeout"].as<unsigned>());
    settings.limit = std::chrono::seconds(vm["limit"].as<unsigned>());
    settings.cancel = cancel;
    settings.progress = progress;
    progress("preparing the images");
    return Testbed::prepare(assets, settings);
}

Result<void> write_outputs(const po::variables_map& vm, const std::vector<NamedOutcome>& all,
                           const std::vector<XtfProof>& proofs) {
    if (vm.count("junit"))
        if (auto written = write_file(cli::text(vm, "junit"), junit_xml(all, proofs)); !written)
            return written;
    if (vm.count("serial")) {
        std::string lines;
        for (const NamedOutcome& n : all)
            lines += n.outcome.serial;
        return write_file(cli::text(vm, "serial"), lines);
    }
    return {};
}

Json hypervisor_json(const po::variables_map& vm, const Testbed& bed) {
    return {{"file", cli::text(vm, "xen")}, {"build_id", bed.xen_build_id()}};
}

Json machine_json(const Testbed& bed) {
    return {{"accelerator", bed.accelerator().name},
            {"why", bed.accelerator().why},
            {"cpu", bed.cpu()}};
}

std::string machine_line(const Testbed& bed) {
    return fmt::format("machine: {} ({}), CPU {}", bed.accelerator().name, bed.accelerator().why,
                       bed.cpu());
}

Result<std::vector<Payload>> read_payloads(const std::vector<fs::path>& files) {
    std::vector<Payload> payloads;
    Findings findings;
    for (const fs::path& file : files) {
        auto bytes = read_text(file);
        if (bytes)
            payloads.push_back({payload_name(file), std::move(*bytes)});
        else
            append(findings, bytes.error());
    }
    if (has_errors(findings))
        return fail(std::move(findings));
    return payloads;
}

std::vector<fs::path> payload_arguments(const po::variables_map& vm) {
    std::vector<fs::path> files;
    for (const std::string& f : cli::strings(vm, "payload"))
        files.push_back(f);
    return files;
}

} // namespace xlp::qa
