// SPDX-License-Identifier: GPL-2.0-only
// xlp-qa batch: many payloads, each on a fresh machine.
#include "tools/xlp-qa/verbs/options.h"
#include "tools/xlp-qa/verbs/verbs.h"

#include <algorithm>
#include <atomic>
#include <fmt/format.h>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

namespace xlp::qa {

namespace {

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
            return fail(bad_input("qa.no-payloads",
                                  "There is no *.livepatch file in this directory.", {},
                                  {a.string(), {}, {}, 0}));
        std::sort(inside.begin(), inside.end());
        files.insert(files.end(), inside.begin(), inside.end());
    }
    return files;
}

} // namespace

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
    doc["machine"] = machine_json(*bed);

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

} // namespace xlp::qa
