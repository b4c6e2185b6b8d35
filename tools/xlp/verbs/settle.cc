// SPDX-License-Identifier: GPL-2.0-only
// What is on trial has proved itself: after a time, or because the host shuts down cleanly.
#include "payload/base/json.h"
#include "tools/xlp/disk/reserve.h"
#include "tools/xlp/disk/trial.h"
#include "tools/xlp/hypervisor/names.h"
#include "tools/xlp/verbs/verbs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

namespace xlp::host {
namespace {

namespace po = cli::po;

Result<void> settle_trial(const Machine& machine, const Config& config, const po::variables_map& vm,
                          const cli::Output& out, Json& doc) {
    const Trial trial(machine.paths);
    auto now = trial.current();
    if (!now)
        return fail(now);
    doc["schema"] = "xlp.settle/1";
    doc["settled"] = Json::array();
    doc["on_trial"] = Json::array();
    if (!*now) {
        out.text("No payload is in its trial period.");
        return {};
    }
    std::vector<std::string> names;
    for (const OnTrial& p : (*now)->payloads)
        names.push_back(printable(p.name));
    const std::string list = fmt::format("{}", fmt::join(names, ", "));
    const Nanoseconds left = config.settle - (machine.clock.now() - (*now)->since);
    if (!vm.count("now") && left.count() > 0) {
        doc["on_trial"] = names;
        out.text(fmt::format("On trial for another {} s: {}.",
                             std::chrono::ceil<std::chrono::seconds>(left).count(), list));
        return {};
    }
    if (auto done = trial.settle(); !done)
        return done;
    doc["settled"] = names;
    out.text(fmt::format("Settled: {}.", list));
    if (machine.trail)
        for (const OnTrial& p : (*now)->payloads)
            machine.trail({"settle: " + printable(p.name),
                           {{"XLP_OPERATION", "settle"},
                            {"XLP_STEP", "settle"},
                            {"XLP_PAYLOAD", p.name},
                            {"XLP_SHA256", p.sha256},
                            {"XLP_BUILD_ID", p.build_id},
                            {"XLP_XEN_BUILD_ID", (*now)->xen},
                            {"XLP_RESULT", "done"}}});
    return {};
}

Result<void> settle(const Machine& machine, const po::variables_map& vm, const cli::Output& out,
                    Json& doc, Findings& findings) {
    const auto patience = parse_duration(vm["lock-wait"].as<std::string>());
    if (!patience)
        return fail(patience);
    auto config = read_config(machine.paths.config());
    if (!config) { // a shutdown must not look like a crash because of a typo
        for (Finding f : config.error()) {
            f.severity = Severity::warning;
            findings.push_back(std::move(f));
        }
        config = Config();
    }
    auto lock = Lock::take(machine.paths.lock(), machine.clock, *patience);
    if (!lock)
        return fail(lock);
    auto done = settle_trial(machine, *config, vm, out, doc);
    if (!doc["settled"].empty())
        append(findings, keep_reserve(machine.paths));
    return done;
}

} // namespace

cli::Verb settle_verb(const Machine& machine) {
    cli::Verb v{"settle",
                "",
                "end the trial period of payloads that have been applied for long enough",
                po::options_description("Settle"),
                {},
                {},
                {}};
    v.options.add_options()("now", "end it now, however short: at a clean shutdown, or on request")(
        "lock-wait", po::value<std::string>()->default_value("30s")->value_name("TIME"),
        "how long to wait while another xlp changes this host");
    v.run = [&machine](const po::variables_map& vm, const cli::Output& out, Json& doc,
                       Findings& findings) { return settle(machine, vm, out, doc, findings); };
    return v;
}

} // namespace xlp::host
