// SPDX-License-Identifier: GPL-2.0-only
#include "tests/nested/differential/run.h"

#include <algorithm>
#include <fmt/format.h>
#include <regex>
#include <sstream>

namespace xlp::differential {

namespace {

using load::Outcome;

// One step a case: `@OPERATION EXIT-CODE`, then what the tool says.
std::string script(const Tried& t, std::size_t number) {
    std::string s = fmt::format("n={} f=/xlp/cases/{}\n", t.name, number);
    s += "op() { out=$(\"$@\" 2>&1); r=$?; echo \"@$2 $r\"; echo \"$out\"; return $r; }\n"
         "if op $XLP upload $n $f; then\n";
    if (t.predicted.applied)
        s += "op $XLP apply $n && op $XLP revert $n\n";
    s += "op $XLP unload $n\nfi\ntrue";
    return s;
}

std::optional<int> errno_of(const std::string& output, const std::string& operation) {
    const std::size_t begin = output.find("@" + operation + " ");
    if (begin == output.npos)
        return std::nullopt;
    std::string part = output.substr(begin + 1);
    part = part.substr(0, part.find('@'));
    if (std::atoi(part.c_str() + operation.size() + 1) == 0)
        return 0;
    static const std::regex number("[Ee]rror:? -?(\\d+)");
    std::smatch match;
    return std::regex_search(part, match, number) ? std::stoi(match[1]) : -1;
}

qa::Scenario scenario_of(const std::vector<const Tried*>& cases, std::size_t first) {
    qa::Scenario s;
    for (std::size_t i = first; i < cases.size(); ++i) {
        const elf::Bytes& b = cases[i]->test->bytes;
        s.files.push_back(
            qa::regular_file(fmt::format("xlp/cases/{}", i), std::string(b.begin(), b.end())));
        s.steps.push_back({cases[i]->name, "case", cases[i]->name, script(*cases[i], i), false});
    }
    return s;
}

Observed observe(const qa::StepResult& r, const std::optional<qa::Death>& death) {
    Observed o;
    o.ran = true;
    o.died = r.verdict == qa::Verdict::died;
    if (o.died && death)
        o.death = death->place + " " + death->reason;
    o.upload = errno_of(r.output, "upload");
    o.apply = errno_of(r.output, "apply");
    o.revert = errno_of(r.output, "revert");
    o.unload = errno_of(r.output, "unload");
    o.log = r.log;
    return o;
}

bool logged(const Observed& o, const std::string& name, const std::string& log) {
    std::istringstream lines(log);
    for (std::string line; std::getline(lines, line);)
        if (std::none_of(o.log.begin(), o.log.end(), [&](const std::string& l) {
                return l.find(line) != l.npos || l.find(name + ": " + line) != l.npos;
            }))
            return false;
    return true;
}

std::string words(Outcome o, int error) {
    return o == Outcome::refused ? load::errno_text(error) : load::name_of(o);
}

std::string words(const std::optional<int>& error) {
    if (!error)
        return "not done";
    return *error ? load::errno_text(*error) : "accepted";
}

std::string compare(const char* what, const load::Answer& predicted, const std::optional<int>& seen,
                    const Tried& t, const Observed& o) {
    const bool same = predicted.outcome == Outcome::accepted ? seen == 0 : seen == -predicted.error;
    if (!same)
        return fmt::format("{}: predicted {} at {}, seen {}", what,
                           words(predicted.outcome, predicted.error), name_of(predicted.stage),
                           words(seen));
    if (!logged(o, t.name, predicted.log))
        return fmt::format("{}: predicted log `{}'", what, predicted.log);
    return {};
}

} // namespace

Result<std::vector<Observed>> run(const qa::Testbed& bed, const std::vector<const Tried*>& cases) {
    std::vector<Observed> all;
    while (all.size() < cases.size()) {
        auto outcome = bed.run(scenario_of(cases, all.size()));
        if (!outcome)
            return tl::unexpected(std::move(outcome.error()));
        const std::size_t before = all.size();
        for (std::size_t i = 1; i < outcome->steps.size(); ++i) { // behind "boot"
            if (outcome->steps[i].verdict == qa::Verdict::skipped)
                break;
            all.push_back(observe(outcome->steps[i], outcome->death));
        }
        if (all.size() == before)
            return fail(environment("differential.boot", "The machine did not come up."));
    }
    return all;
}

std::string difference(const Tried& t, const Observed& o) {
    const Prediction& p = t.predicted;
    if (o.died != p.fatal())
        return fmt::format("{}{}; predicted: upload {}, apply {}, revert {}",
                           o.died ? "died: " : "lived", o.death,
                           words(p.upload.outcome, p.upload.error),
                           p.applied ? words(p.apply.outcome, p.apply.error) : "not done",
                           p.applied ? words(p.revert.outcome, p.revert.error) : "not done");
    if (o.died)
        return {};
    if (auto d = compare("upload", t.predicted.upload, o.upload, t, o); !d.empty())
        return d;
    if (t.predicted.upload.outcome != Outcome::accepted)
        return {};
    if (t.predicted.applied) {
        if (auto d = compare("apply", t.predicted.apply, o.apply, t, o); !d.empty())
            return d;
        if (o.apply == 0 && o.revert != 0)
            return fmt::format("revert: {}", words(o.revert));
    }
    return o.unload == 0 ? std::string() : fmt::format("unload: {}", words(o.unload));
}

} // namespace xlp::differential
