// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-qa/verbs/report.h"

#include "payload/base/json.h"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sstream>

namespace xlp::qa {

using Json = nlohmann::ordered_json;

namespace {

std::vector<std::string> split_lines(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);)
        lines.push_back(line);
    return lines;
}

std::string error_name(int number) {
    const char* name = number ? strerrorname_np(number) : nullptr;
    return name ? name : "";
}

// The first that did not pass; null when all did.
const StepResult* first_bad(const Outcome& o) {
    auto it = std::find_if(o.steps.begin(), o.steps.end(),
                           [](const StepResult& s) { return s.verdict != Verdict::passed; });
    return it == o.steps.end() ? nullptr : &*it;
}

void append_probes(std::vector<std::string>& out, const Outcome& o) {
    bool any = false;
    for (const StepResult& s : o.steps) {
        if (s.step.verb != "probe" || s.verdict == Verdict::skipped)
            continue;
        if (!any)
            out.push_back("probe");
        any = true;
        std::string end = s.exit_code < 0 ? "no end" : fmt::format("exit {}", s.exit_code);
        std::string lead = fmt::format("  {:<9} {:<8} ", s.step.subject, end);
        std::vector<std::string> lines = split_lines(s.output);
        if (lines.empty())
            out.push_back(lead);
        for (const std::string& line : lines) {
            out.push_back(lead + line);
            lead.assign(lead.size(), ' ');
        }
    }
}

} // namespace

std::string death_line(const Death& d) {
    const char* what = d.kind == DeathKind::dom0_crash ? "dom0 died"
                       : d.kind == DeathKind::hang     ? "the hypervisor hung"
                       : d.kind == DeathKind::emulator ? "QEMU failed"
                                                       : "the hypervisor died";
    return fmt::format("{}: {}{}{}", what, d.reason, d.place.empty() ? "" : ", at ", d.place);
}

std::string reason_of(const StepResult& s) {
    if (std::string name = error_name(s.error_number); !name.empty())
        return name;
    std::vector<std::string> lines = split_lines(s.output);
    constexpr std::string_view error = "error: ";
    for (const std::string& line : lines)
        if (line.starts_with(error))
            return line.substr(error.size());
    return lines.empty() || s.step.verb == "probe" ? fmt::format("exit code {}", s.exit_code)
                                                   : lines.back();
}

std::vector<std::string> text_lines(const Outcome& o, bool all) {
    std::vector<std::string> out;
    std::size_t skipped = 0;
    for (const StepResult& s : o.steps) {
        const bool bad = s.verdict == Verdict::failed || s.verdict == Verdict::died;
        if (s.verdict == Verdict::skipped) {
            ++skipped;
            continue;
        }
        out.push_back(fmt::format("  {:<7} {:<32} {:6.2f} s{}", to_string(s.verdict), s.step.name,
                                  s.seconds,
                                  s.verdict == Verdict::failed ? "  " + reason_of(s) : ""));
        if (bad && s.step.verb != "probe")
            for (const std::string& line : split_lines(s.output))
                out.push_back("            " + line);
        if (bad || all) {
            for (const std::string& line : s.log)
                out.push_back("            (XEN) " + line);
            for (const std::string& line : s.dom0_log)
                out.push_back("            " + line);
        }
    }
    if (skipped)
        out.push_back(fmt::format("  skipped the {} steps after it", skipped));
    append_probes(out, o);
    if (o.death)
        out.push_back(death_line(*o.death));
    return out;
}

std::string summary_line(const NamedOutcome& n) {
    const Outcome& o = n.outcome;
    std::string what = "passed";
    if (o.death) {
        auto at = std::find_if(o.steps.begin(), o.steps.end(),
                               [](const StepResult& s) { return s.verdict == Verdict::died; });
        what = fmt::format("died at {}: {}", at == o.steps.end() ? "?" : at->step.name,
                           death_line(*o.death));
    } else if (const StepResult* bad = first_bad(o)) {
        what = fmt::format("failed at {}: {}", bad->step.name, reason_of(*bad));
    }
    return fmt::format("{:<32} {:6.2f} s  {}", n.name, o.seconds, what);
}

Json to_json(const Outcome& o) {
    Json steps = Json::array();
    for (const StepResult& s : o.steps) {
        Json j = {{"name", s.step.name}, {"verb", s.step.verb}, {"verdict", to_string(s.verdict)}};
        if (!s.step.subject.empty())
            j["subject"] = s.step.subject;
        if (s.verdict != Verdict::skipped) {
            j["seconds"] = s.seconds;
            if (s.exit_code >= 0)
                j["exit_code"] = s.exit_code;
            if (s.error_number)
                j["errno"] = error_name(s.error_number);
            j["output"] = s.output;
            j["log"] = s.log;
            if (!s.dom0_log.empty())
                j["dom0_log"] = s.dom0_log;
        }
        steps.push_back(std::move(j));
    }
    Json doc = {{"passed", o.passed()},
                {"restored", o.restored},
                {"running_build_id", o.running_build_id},
                {"seconds", o.seconds},
                {"steps", std::move(steps)}};
    if (o.death)
        doc["death"] = {{"kind", to_string(o.death->kind)},
                        {"reason", o.death->reason},
                        {"place", o.death->place},
                        {"trace", o.death->trace},
                        {"log", o.death->log}};
    return doc;
}

Findings findings_of(const NamedOutcome& n) {
    Findings f;
    for (const StepResult& s : n.outcome.steps) {
        if (s.verdict != Verdict::failed)
            continue;
        std::string why = fmt::format("Step `{}' failed: {}.", s.step.name, reason_of(s));
        auto said = std::find_if(s.log.rbegin(), s.log.rend(), [](const std::string& line) {
            return line.starts_with("livepatch: ");
        });
        if (said != s.log.rend())
            why += fmt::format(" The hypervisor said: {}", *said);
        f.push_back(refusal("qa.step-failed", why, {}, {n.name, {}, {}, 0}));
    }
    if (n.outcome.death)
        f.push_back(
            refusal("qa.died", death_line(*n.outcome.death) + ".", {}, {n.name, {}, {}, 0}));
    return f;
}

} // namespace xlp::qa
