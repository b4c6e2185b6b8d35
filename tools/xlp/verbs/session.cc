// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/verbs/session.h"

#include "payload/base/json.h"
#include "tools/xlp/hypervisor/errors.h"

#include <charconv>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace xlp::host {
namespace {

tl::unexpected<Findings> usage(std::string why) {
    return fail(usage_error(std::move(why)));
}

} // namespace

void add_connection_options(cli::po::options_description& o) {
    o.add_options()("via", cli::po::value<std::string>()->default_value("auto")->value_name("WAY"),
                    "auto, libxenctrl or privcmd: how the hypervisor is reached");
}

void add_action_options(cli::po::options_description& o) {
    add_connection_options(o);
    o.add_options()("timeout",
                    cli::po::value<std::string>()->default_value("30ms")->value_name("TIME"),
                    "for the processors to come together, first attempt (ns, us, ms, s)")(
        "attempts", cli::po::value<unsigned>()->default_value(8)->value_name("N"),
        "how often a busy or timed-out action is tried; the time doubles with each")(
        "wait", cli::po::value<std::string>()->default_value("3s")->value_name("TIME"),
        "how long beyond the timeout to wait for an end to be reported")(
        "lock", cli::po::value<std::string>()->value_name("FILE"),
        "the lock that keeps others from changing this host (/run/xlp.lock)")(
        "lock-wait", cli::po::value<std::string>()->default_value("10s")->value_name("TIME"),
        "how long to wait for another xlp to end");
}

Result<Nanoseconds> parse_duration(const std::string& text) {
    std::uint64_t n = 0;
    auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), n);
    const std::string unit(rest, text.data() + text.size());
    std::uint64_t scale = 0;
    if (unit.empty() || unit == "ms")
        scale = 1'000'000;
    else if (unit == "ns")
        scale = 1;
    else if (unit == "us")
        scale = 1'000;
    else if (unit == "s")
        scale = 1'000'000'000;
    if (error != std::errc() || !scale || n > 3'600'000'000'000 / scale)
        return usage(fmt::format("`{}' is not a time: a number with ns, us, ms or s, "
                                 "at most an hour.",
                                 text));
    return Nanoseconds(n * scale);
}

Result<Settings> read_settings(const cli::po::variables_map& vm, const cli::Output& out) {
    Settings s;
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
    for (const auto* d : {&timeout, &wait, &patience})
        if (!*d)
            return tl::unexpected(d->error());
    s.limits.attempts = vm["attempts"].as<unsigned>();
    if (timeout->count() == 0 || timeout->count() > UINT32_MAX)
        return usage(
            "--timeout takes more than 0 and at most 4294 ms: the hypervisor's own limit.");
    if (s.limits.attempts == 0 || s.limits.attempts > 1000)
        return usage("--attempts takes 1 to 1000.");
    s.limits.timeout = *timeout;
    s.limits.ceiling = std::max(s.limits.ceiling, *timeout);
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

Result<Operation> open_operation(const Machine& machine, const Settings& settings) {
    auto lock = Lock::take(settings.lock.empty() ? machine.paths.lock() : settings.lock,
                           machine.clock, settings.lock_patience);
    if (!lock)
        return fail(lock);
    auto session = open_session(machine, settings);
    if (!session)
        return fail(session);
    Operation o{std::move(*lock), std::move(*session), nullptr};
    o.executor = std::make_unique<Executor>(
        *o.session.xen, *o.session.op, machine.paths,
        [say = settings.say, log = machine.log](const std::string& line) {
            if (say)
                say(line);
            if (log)
                log(line);
        });
    return o;
}

Json describe(const Session& s) {
    return {{"version", s.identity.version()},
            {"build_id", s.identity.build_id},
            {"transport", s.xen->transport()}};
}

} // namespace xlp::host
