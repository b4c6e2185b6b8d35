// SPDX-License-Identifier: GPL-2.0-only
// The verbs of xlp-qa: options in, outcomes out.
#include "tools/xlp-qa/verbs/verbs.h"

#include "payload/base/file.h"
#include "payload/base/json.h"
#include "tools/xlp-qa/scenario/plan.h"
#include "tools/xlp-qa/verbs/report.h"

#include <algorithm>
#include <atomic>
#include <fmt/format.h>
#include <mutex>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>
#include <unistd.h>

namespace xlp::qa {

namespace fs = std::filesystem;

namespace po = cli::po;

using cli::Output;

namespace {

po::options_description common_machine_options() {
    po::options_description d("Options");
    auto text = [] { return po::value<std::string>(); };
    d.add_options()                                                                              //
        ("xen", text()->required()->value_name("FILE"), "hypervisor: xen.gz, or the ELF in it")  //
        ("xen-syms", text()->required()->value_name("FILE"), "its symbol file; same build-id")   //
        ("kernel", text()->required()->value_name("FILE"), "dom0 kernel: vmlinuz, or a vmlinux") //
        ("modules", text()->value_name("DIR"),
         "lib/modules/VERSION of the kernel; default: beside it") //
        ("xlp", text()->value_name("FILE"),
         "the xlp that runs in dom0; default: beside xlp-qa, in its build tree, or in PATH")      //
        ("busybox", text()->value_name("FILE"), "a static busybox; default: in PATH")             //
        ("qemu", text()->default_value("qemu-system-x86_64")->value_name("FILE"), "the emulator") //
        ("cache", text()->value_name("DIR"), "default: $XDG_CACHE_HOME/xlp or ~/.cache/xlp")      //
        ("junit", text()->value_name("FILE"), "also write JUnit XML")                             //
        ("serial", text()->value_name("FILE"), "also write all that came over the serial line")   //
        ("cycles", po::value<unsigned>()->default_value(2)->value_name("N"),
         "how often to apply and revert") //
        ("cpus", po::value<unsigned>()->default_value(1)->value_name("N"),
         "processors of the machine; more than one make it slower")            //
        ("no-snapshot", "boot each time, in place of restoring a saved state") //
        ("timeout", po::value<unsigned>()->default_value(120)->value_name("SECONDS"),
         "without any output, the hypervisor is held to hang") //
        ("limit", po::value<unsigned>()->default_value(1800)->value_name("SECONDS"),
         "for one run as a whole")                                                  //
        ("xen-args", text()->value_name("TEXT"), "added to Xen's command line")     //
        ("kernel-args", text()->value_name("TEXT"), "added to dom0's command line") //
        ("payload", po::value<std::vector<std::string>>()->required(), "");
    return d;
}

std::string text_option(const po::variables_map& vm, const char* name) {
    return vm.count(name) ? vm[name].as<std::string>() : std::string();
}

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
        return fail(
            bad_input("qa.no_xlp", "This is no program.", "Check --xlp.", {given, {}, {}, 0}));
    }
    std::error_code error;
    fs::path here = fs::read_symlink("/proc/self/exe", error).parent_path();
    // installed beside each other or in bin and sbin, or each in its folder of a build tree
    for (const char* way : {"xlp", "../sbin/xlp", "../xlp/xlp"})
        if (is_program(here / way))
            return (here / way).lexically_normal();
    if (fs::path found = in_path("xlp"); !found.empty())
        return found;
    return fail(environment("qa.no_xlp", "The tool xlp, which runs in dom0, is not found.",
                            "Build it, or give it with --xlp FILE."));
}

using Progress = std::function<void(const std::string&)>;

Result<Testbed> prepare(const po::variables_map& vm, int cancel, const Progress& progress) {
    Assets assets;
    assets.xen = text_option(vm, "xen");
    assets.xen_syms = text_option(vm, "xen-syms");
    assets.kernel = text_option(vm, "kernel");
    assets.modules = text_option(vm, "modules");
    auto xlp = find_xlp(text_option(vm, "xlp"));
    if (!xlp)
        return fail(xlp);
    assets.xlp = *xlp;
    assets.busybox =
        vm.count("busybox") ? fs::path(text_option(vm, "busybox")) : in_path("busybox");
    Settings settings;
    settings.cache = text_option(vm, "cache");
    settings.qemu = text_option(vm, "qemu");
    settings.xen_arguments = text_option(vm, "xen-args");
    settings.kernel_arguments = text_option(vm, "kernel-args");
    settings.cpus = vm["cpus"].as<unsigned>();
    settings.snapshot = !vm.count("no-snapshot");
    settings.silence = std::chrono::seconds(vm["timeout"].as<unsigned>());
    settings.limit = std::chrono::seconds(vm["limit"].as<unsigned>());
    settings.cancel = cancel;
    settings.progress = progress;
    progress("preparing the images");
    return Testbed::prepare(assets, settings);
}

Result<void> write_outputs(const po::variables_map& vm, const std::vector<NamedOutcome>& all) {
    if (vm.count("junit"))
        if (auto written = write_file(text_option(vm, "junit"), junit_xml(all)); !written)
            return written;
    if (vm.count("serial")) {
        std::string lines;
        for (const NamedOutcome& n : all)
            lines += n.outcome.serial;
        return write_file(text_option(vm, "serial"), lines);
    }
    return {};
}

Json hypervisor_json(const po::variables_map& vm, const Testbed& bed) {
    return {{"file", text_option(vm, "xen")}, {"build_id", bed.xen_build_id()}};
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
    for (const std::string& f : vm["payload"].as<std::vector<std::string>>())
        files.push_back(f);
    return files;
}

Result<void> run(const po::variables_map& vm, const Output& out, Json& doc, Findings& findings,
                 int cancel) {
    auto payloads = read_payloads(payload_arguments(vm));
    if (!payloads)
        return fail(payloads);
    Plan plan; // its scenario first: it finds faults of the command line, and takes no time
    plan.payloads = std::move(*payloads);
    plan.cycles = vm["cycles"].as<unsigned>();
    plan.probe = text_option(vm, "probe");
    if (vm.count("file"))
        for (const std::string& f : vm["file"].as<std::vector<std::string>>())
            plan.files.push_back(f);
    auto scenario = make_scenario(plan);
    if (!scenario)
        return fail(scenario);
    auto bed = prepare(vm, cancel, [&out](const std::string& what) { out.progress(what); });
    if (!bed)
        return fail(bed);
    doc["hypervisor"] = hypervisor_json(vm, *bed);
    Json& list = doc["payloads"] = Json::array();
    NamedOutcome named;
    for (const Payload& p : plan.payloads) {
        list.push_back({{"name", p.name}, {"size", p.bytes.size()}});
        named.name += (named.name.empty() ? "" : "+") + p.name;
    }
    auto outcome = bed->run(*scenario);
    if (!outcome)
        return fail(outcome);
    named.outcome = std::move(*outcome);
    out.progress_end();
    doc.update(to_json(named.outcome));
    out.text(fmt::format("hypervisor {}, build-id {}", text_option(vm, "xen"),
                         named.outcome.running_build_id));
    for (const std::string& line : text_lines(named.outcome, out.verbose()))
        out.text(line);
    append(findings, findings_of(named));
    append(findings, named.outcome.notes);
    return write_outputs(vm, {named});
}

// A folder stands for the payloads in it.
Result<std::vector<fs::path>> expand_folders(const std::vector<fs::path>& arguments) {
    std::vector<fs::path> files;
    for (const fs::path& a : arguments) {
        std::error_code error;
        if (!fs::is_directory(a, error)) {
            files.push_back(a);
            continue;
        }
        std::vector<fs::path> inside;
        for (const auto& entry : fs::directory_iterator(a, error))
            if (entry.path().extension() == ".livepatch")
                inside.push_back(entry.path());
        if (inside.empty())
            return fail(bad_input("qa.no_payloads", "There is no file *.livepatch in this folder.",
                                  {}, {a.string(), {}, {}, 0}));
        std::sort(inside.begin(), inside.end());
        files.insert(files.end(), inside.begin(), inside.end());
    }
    return files;
}

Result<void> batch(const po::variables_map& vm, const Output& out, Json& doc, Findings& findings,
                   int cancel) {
    auto files = expand_folders(payload_arguments(vm));
    if (!files)
        return fail(files);
    auto payloads = read_payloads(*files);
    if (!payloads)
        return fail(payloads);
    std::mutex screen; // several machines speak
    std::atomic<std::size_t> done = 0;
    auto bed = prepare(vm, cancel, [&](const std::string& what) {
        std::lock_guard lock(screen);
        out.progress(fmt::format("{} of {} done; {}", done.load(), payloads->size(), what));
    });
    if (!bed)
        return fail(bed);
    doc["hypervisor"] = hypervisor_json(vm, *bed);

    std::vector<std::optional<Result<Outcome>>> outcomes(payloads->size());
    std::atomic<std::size_t> next = 0;
    std::atomic<bool> stop = false;
    auto work = [&] {
        for (std::size_t i; !stop && (i = next++) < payloads->size();) {
            Plan plan;
            plan.payloads = {(*payloads)[i]};
            plan.cycles = vm["cycles"].as<unsigned>();
            auto scenario = make_scenario(plan);
            outcomes[i] = scenario ? bed->run(*scenario) : fail(scenario);
            ++done;
            stop = stop || !*outcomes[i]; // the environment will not be better for the next one
        }
    };
    std::vector<std::jthread> threads(std::max(1u, vm["jobs"].as<unsigned>()));
    for (std::jthread& t : threads)
        t = std::jthread(work);
    for (std::jthread& t : threads)
        t.join();
    out.progress_end();

    std::vector<NamedOutcome> all;
    Json& list = doc["runs"] = Json::array();
    std::size_t passed = 0;
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        if (!outcomes[i])
            continue; // not begun, because another could not be run
        if (!*outcomes[i])
            return fail(outcomes[i]->error());
        all.push_back({(*payloads)[i].name, std::move(**outcomes[i])});
        Json run = {{"name", all.back().name}, {"file", (*files)[i].string()}};
        run.update(to_json(all.back().outcome));
        list.push_back(std::move(run));
        out.text(summary_line(all.back()));
        passed += all.back().outcome.passed();
        append(findings, findings_of(all.back()));
        append(findings, all.back().outcome.notes);
    }
    out.text(fmt::format("{} of {} passed", passed, all.size()));
    return write_outputs(vm, all);
}

} // namespace

cli::Tool make_tool(int cancel) {
    auto options = common_machine_options();
    options.add_options()("probe", po::value<std::string>()->value_name("FILE"),
                          "a script or program, run in dom0 with the state (before, applied, "
                          "reverted) as argument; exit code 0: as expected")(
        "file", po::value<std::vector<std::string>>()->value_name("FILE"),
        "a further file for the probe's folder (repeatable)");
    cli::Verb run_verb{"run",
                       "PAYLOAD... --xen FILE --xen-syms FILE --kernel FILE [OPTIONS]",
                       "try payloads (several: a stack) in a real hypervisor under QEMU",
                       options,
                       {"payload..."},
                       "  xlp-qa run fix.livepatch --xen boot/xen-4.17-amd64.gz \\\n"
                       "      --xen-syms xen-syms-4.17-amd64 --kernel boot/vmlinuz-6.1.0-amd64\n",
                       [cancel](auto& vm, auto& out, auto& doc, auto& findings) {
                           return run(vm, out, doc, findings, cancel);
                       }};
    auto batch_options = common_machine_options();
    batch_options.add_options()("jobs,j", po::value<unsigned>()->default_value(2)->value_name("N"),
                                "machines at the same time");
    cli::Verb batch_verb{"batch",
                         "DIR|PAYLOAD... --xen FILE --xen-syms FILE --kernel FILE [OPTIONS]",
                         "try many payloads, each on a fresh machine",
                         batch_options,
                         {"payload..."},
                         {},
                         [cancel](auto& vm, auto& out, auto& doc, auto& findings) {
                             return batch(vm, out, doc, findings, cancel);
                         }};
    return {"xlp-qa",
            "try live patches in a real hypervisor, without hardware",
            {run_verb, batch_verb}};
}

} // namespace xlp::qa
