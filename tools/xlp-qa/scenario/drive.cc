// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-qa/scenario/drive.h"

#include "tools/xlp-qa/machine/images.h"

#include <cstring>
#include <fmt/format.h>
#include <regex>

namespace xlp::qa {

using namespace std::chrono_literals;

namespace {

constexpr auto last_words = 15s; // for the rest of a panic's text

constexpr std::size_t log_lines_kept = 2000; // of a step; the serial record has them all

void keep(std::vector<std::string>& log, const std::string& line) {
    if (log.size() < log_lines_kept)
        log.push_back(line);
}

double seconds_since(Machine::Clock::time_point begin) {
    return std::chrono::duration<double>(Machine::Clock::now() - begin).count();
}

} // namespace

int error_number_in(std::string_view output) {
    static const std::regex number(R"([Ee]rror:? (\d{1,3})\b)");
    std::cmatch match;
    const char* begin = output.data();
    const char* end = begin + output.size();
    if (std::regex_search(begin, end, match, number))
        return std::stoi(match[1]);
    static const std::regex symbol(R"(\bE[A-Z0-9]{3,14}\b)");
    for (std::cregex_iterator it(begin, end, symbol), none; it != none; ++it)
        for (int e = 1; e < 134; ++e)
            if (const char* name = strerrorname_np(e); name && it->str() == name)
                return e;
    return 0;
}

Death Drive::death_of(Machine::Event event) {
    if (event == Machine::Event::silence) {
        std::string reason = Machine::Clock::now() >= deadline_
                                 ? fmt::format("it took longer than {} s", settings_.limit.count())
                                 : fmt::format("no output for {} s", settings_.silence.count());
        std::uint64_t rip = autopsy_.dying() ? 0 : machine_.instruction_pointer();
        Death death = autopsy_.conclude(DeathKind::hang, reason);
        if (rip) {
            std::string function = function_at(xen_syms_, rip);
            death.place = function.empty() ? fmt::format(
                              "{:#x} (a payload's code or dom0's, not the hypervisor's own)", rip)
                                           : function;
        }
        return death;
    }
    std::string reason = machine_.shutdown_reason();
    if (reason.starts_with("guest-"))
        return autopsy_.conclude(DeathKind::reset,
                                 fmt::format("the machine reset without any message ({})", reason));
    return autopsy_.conclude(DeathKind::emulator,
                             fmt::format("QEMU exited unexpectedly: {}", machine_.qemu_messages()));
}

Result<bool> Drive::listen(const Listener& listener) {
    for (;;) {
        Line line;
        auto event = machine_.next(
            line, autopsy_.dying() ? Machine::Clock::duration(last_words) : settings_.silence,
            deadline_);
        if (!event)
            return fail(event);
        if (*event == Machine::Event::line) {
            autopsy_.feed(line);
            if (listener(line))
                return true;
            if (!autopsy_.complete())
                continue;
        }
        outcome_.death = death_of(*event);
        return false;
    }
}

Result<bool> Drive::wait_until_ready() {
    return listen([](const Line& l) { return l.speaker == Speaker::driver && l.text == "ready"; });
}

Result<bool> Drive::boot(bool restored) {
    if (!restored) {
        auto ready = wait_until_ready();
        if (!ready || !*ready)
            return ready;
    }
    machine_.send("go\n");
    constexpr std::string_view running = "running ", broken = "broken ";
    std::string fault;
    auto up = listen([&](const Line& l) {
        if (l.speaker == Speaker::driver && l.text.starts_with(broken))
            fault = l.text.substr(broken.size());
        if (l.speaker != Speaker::driver || !l.text.starts_with(running))
            return false;
        outcome_.running_build_id = l.text.substr(running.size());
        return true;
    });
    if (!fault.empty())
        return fail(environment("qa.disk", fmt::format("dom0 cannot read its disk: {}.", fault)));
    return up;
}

Result<bool> Drive::step(const Step& step, std::size_t number) {
    StepResult result;
    result.step = step;
    const auto begin = Machine::Clock::now();
    const std::string mine = fmt::format("{} ", number);
    if (settings_.progress)
        settings_.progress(step.name);
    machine_.send(fmt::format("{}\n", number));
    auto lived = listen([&](const Line& l) {
        if (l.speaker == Speaker::hypervisor)
            keep(result.log, l.text);
        else if (l.speaker == Speaker::other)
            keep(result.dom0_log, l.text);
        else if (l.text.starts_with(mine + "out "))
            result.output += l.text.substr(mine.size() + 4) + '\n';
        else if (l.text.starts_with(mine + "end "))
            result.exit_code = atoi(l.text.c_str() + mine.size() + 4);
        return l.speaker == Speaker::driver && l.text.starts_with(mine + "end ");
    });
    result.seconds = seconds_since(begin);
    if (!lived)
        return lived;
    result.verdict = !*lived                 ? Verdict::died
                     : result.exit_code == 0 ? Verdict::passed
                                             : Verdict::failed;
    if (result.verdict == Verdict::failed)
        result.error_number = error_number_in(result.output);
    const bool go_on = *lived && (result.exit_code == 0 || !step.essential);
    outcome_.steps.push_back(std::move(result));
    return go_on;
}

Result<void> Drive::run(const Scenario& scenario, bool restored) {
    const auto begin = Machine::Clock::now();
    if (settings_.progress)
        settings_.progress(restored ? "restoring the machine" : "booting the hypervisor");
    auto up = boot(restored);
    if (!up)
        return fail(up);
    StepResult first;
    first.step = {"boot", "boot", {}, {}, true};
    first.verdict = *up ? Verdict::passed : Verdict::died;
    first.exit_code = *up ? 0 : -1;
    first.seconds = seconds_since(begin);
    outcome_.steps.push_back(std::move(first));
    bool going = *up;
    for (std::size_t i = 0; i < scenario.steps.size(); ++i) {
        if (!going) {
            StepResult skipped;
            skipped.step = scenario.steps[i];
            outcome_.steps.push_back(std::move(skipped));
            continue;
        }
        auto went = step(scenario.steps[i], i);
        if (!went)
            return fail(went);
        going = *went;
    }
    return {};
}

} // namespace xlp::qa
