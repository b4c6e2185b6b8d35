// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/verbs/session.h"

#include "payload/base/json.h"
#include "tools/xlp/disk/holds.h"
#include "tools/xlp/disk/reserve.h"
#include "tools/xlp/hypervisor/errors.h"
#include "tools/xlp/hypervisor/names.h"
#include "tools/xlp/verbs/hold_trail.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

namespace xlp::host {
namespace {

tl::unexpected<Findings> usage(std::string why) {
    return fail(wrong_usage(std::move(why)));
}

std::string names_of(const std::vector<OnTrial>& payloads) {
    std::vector<std::string> names;
    names.reserve(payloads.size());
    for (const OnTrial& p : payloads)
        names.push_back(printable(p.name));
    return fmt::format("{}", fmt::join(names, ", "));
}

// What is held back and known is told of where it would have been applied.
void tell_crash(AfterCrash crash, Findings& findings) {
    std::erase_if(crash.held,
                  [](const OnTrial& p) { return !p.sha256.empty() || !p.build_id.empty(); });
    if (!crash.held.empty())
        findings.push_back(
            warning("host.went-down",
                    fmt::format("The host went down without a shutdown during the trial period of "
                                "{}, uploaded by another tool, which xlp cannot hold back.",
                                names_of(crash.held)),
                    "Find out why: a power cut, or a crash? `xlp sync --after-crash' ends the "
                    "alarm."));
    if (crash.spared.empty())
        return;
    findings.push_back(
        warning("host.went-down",
                fmt::format("The host went down without a shutdown soon after it booted and "
                            "applied {}. A payload that had settled before is held back only "
                            "if this happens twice in a row.",
                            names_of(crash.spared)),
                "Find out why: a power cut, or a crash?"));
}

} // namespace

void add_connection_options(cli::po::options_description& o) {
    o.add_options()("via", cli::po::value<std::string>()->default_value("auto")->value_name("WAY"),
                    "how to reach the hypervisor: auto, libxenctrl or privcmd");
}

void add_action_options(cli::po::options_description& o) {
    add_connection_options(o);
    o.add_options()("timeout",
                    cli::po::value<std::string>()->default_value("30ms")->value_name("TIME"),
                    "time for the CPUs to rendezvous, first attempt (ns, us, ms, s)")(
        "timeout-limit", cli::po::value<std::string>()->value_name("TIME"),
        "maximum time for the CPUs to rendezvous, any attempt (250ms, or rendezvous-limit)")(
        "attempts", cli::po::value<unsigned>()->default_value(8)->value_name("N"),
        "how many times to try an action that is busy or times out; the time doubles with each")(
        "wait", cli::po::value<std::string>()->default_value("3s")->value_name("TIME"),
        "how long to wait for the result, beyond the timeout")(
        "lock", cli::po::value<std::string>()->value_name("FILE"),
        "lock file that keeps others from changing this host (/run/xlp.lock)")(
        "lock-wait", cli::po::value<std::string>()->default_value("10s")->value_name("TIME"),
        "how long to wait for another xlp to finish");
}

Result<Settings> read_settings(const Config& config, const cli::po::variables_map& vm,
                               const cli::Output& out) {
    Settings s;
    s.health_limit = std::chrono::ceil<std::chrono::milliseconds>(config.health);
    s.limits.ceiling = config.rendezvous;
    s.store = config.store;
    s.say = [&out](const std::string& line) { out.detail(line); };
    auto via = parse_via(vm["via"].as<std::string>());
    if (!via)
        return fail(via);
    s.via = *via;
    if (!vm.count("timeout"))
        return s;
    auto timeout = parse_duration(vm["timeout"].as<std::string>());
    auto wait = parse_duration(vm["wait"].as<std::string>());
    auto patience = parse_duration(vm["lock-wait"].as<std::string>());
    auto limit = vm.count("timeout-limit") ? parse_duration(vm["timeout-limit"].as<std::string>())
                                           : Result<Nanoseconds>(std::max<Nanoseconds>(
                                               s.limits.ceiling, timeout.value_or(Nanoseconds())));
    for (const auto* d : {&timeout, &wait, &patience, &limit})
        if (!*d)
            return tl::unexpected(d->error());
    s.limits.attempts = vm["attempts"].as<unsigned>();
    for (const Nanoseconds d : {*timeout, *limit})
        if (d.count() == 0 || d.count() > UINT32_MAX)
            return usage("--timeout and --timeout-limit take more than 0 and at most 4294 ms: the "
                         "hypervisor's own limit.");
    if (s.limits.attempts == 0 || s.limits.attempts > 1000)
        return usage("--attempts takes 1 to 1000.");
    s.limits.timeout = *timeout;
    s.limits.ceiling = *limit;
    s.limits.settle = *wait;
    s.lock_patience = *patience;
    if (vm.count("lock"))
        s.lock = vm["lock"].as<std::string>();
    return s;
}

Result<Session> open_session(const Machine& machine, const Settings& settings) {
    auto xen = machine.connect(settings.via);
    if (!xen)
        return fail(xen);
    auto identity = (*xen)->identity();
    if (!identity)
        return fail(explain_connect(identity.error()));
    Session s{std::move(*xen), std::move(*identity), nullptr};
    s.op = std::make_unique<Operator>(*s.xen, machine.clock, settings.limits, settings.say);
    if (settings.say)
        settings.say(fmt::format("Xen {}, build-id {}, through {}", s.identity.version(),
                                 s.identity.build_id.empty() ? "unknown" : s.identity.build_id,
                                 s.xen->transport()));
    return s;
}

Result<Prelude> read_prelude(const Machine& machine, const cli::po::variables_map& vm,
                             const cli::Output& out) {
    auto config = read_config(machine.paths.config());
    if (!config)
        return fail(config);
    auto trust = read_trust(*config, machine.paths.keys());
    if (!trust)
        return fail(trust);
    Settings settings;
    if (vm.count("via")) { // a verb that talks to the hypervisor
        auto read = read_settings(*config, vm, out);
        if (!read)
            return fail(read);
        settings = std::move(*read);
    }
    return Prelude{std::move(*config), std::move(*trust), std::move(settings)};
}

Result<Settings> settings_anyway(const Machine& machine, const cli::po::variables_map& vm,
                                 const cli::Output& out, Findings& findings) {
    auto config = read_config(machine.paths.config());
    if (!config)
        for (Finding f : config.error()) {
            f.severity = Severity::warning;
            findings.push_back(std::move(f));
        }
    return read_settings(config ? *config : Config(), vm, out);
}

Result<Operation> open_operation(const Machine& machine, const Settings& settings) {
    auto lock = Lock::take(settings.lock.empty() ? machine.paths.lock() : settings.lock,
                           machine.clock, settings.lock_patience);
    if (!lock)
        return fail(lock);
    auto session = open_session(machine, settings);
    if (!session)
        return fail(session);
    Operation o{std::move(*lock), std::move(*session), nullptr, {}};
    auto crash = hold_after_crash(machine.paths);
    if (!crash) {
        o.notes = crash.error(); // Holds::read() sees the trial itself
    } else if (*crash) {
        tell_held(machine.trail, **crash);
        tell_crash(std::move(**crash), o.notes);
    }
    append(o.notes, keep_reserve(machine.paths));
    for (Finding& f : o.notes)
        f.severity = Severity::warning;
    o.executor =
        std::make_unique<Executor>(*o.session.xen, *o.session.op, machine.clock,
                                   Setting{machine.paths, o.session.identity.build_id, settings.say,
                                           machine.trail, settings.health_limit, machine.stop});
    return o;
}

Json cost_of(const Session& s) {
    const Cost& c = s.op->cost();
    const auto ms = [](Nanoseconds d) {
        return std::chrono::duration_cast<std::chrono::microseconds>(d).count() / 1000.0;
    };
    return {{"expired", c.expired}, {"longest_ms", ms(c.longest)}, {"stalled_ms", ms(c.stalled)}};
}

Json describe(const Session& s) {
    return {{"version", s.identity.version()},
            {"build_id", s.identity.build_id},
            {"transport", s.xen->transport()}};
}

} // namespace xlp::host
