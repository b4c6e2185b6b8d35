// SPDX-License-Identifier: GPL-2.0-only
// XTF as a regression test, for people and for programs.
#include "tools/xlp-qa/verbs/report.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <nlohmann/json.hpp>

namespace xlp::qa {

using Json = nlohmann::ordered_json;

std::string suite_line(const SuiteCase& c) {
    if (!c.blind.empty())
        return fmt::format("  {:<36} not testable here: {}", c.test, c.blind);
    std::string line = fmt::format("  {:<36} {:<8}", c.test, to_string(c.without.end));
    if (c.with)
        line += fmt::format(" {:<8}", to_string(c.with->end));
    if (c.worse())
        line += " worse";
    const XtfSeen& told = c.worse() ? *c.with : c.without;
    return told.why.empty() ? line : line + " " + told.why;
}

std::string count_line(const std::vector<SuiteCase>& cases, bool with) {
    std::map<XtfEnd, int> counts;
    int blind = 0;
    for (const SuiteCase& c : cases)
        if (!c.blind.empty())
            ++blind;
        else if (!with)
            ++counts[c.without.end];
        else if (c.with)
            ++counts[c.with->end];
    std::string line;
    for (const auto& [end, n] : counts)
        line += fmt::format("{}{} {}", line.empty() ? "" : ", ", n, to_string(end));
    return blind == 0 ? line
                      : fmt::format("{}{}{} not testable", line, line.empty() ? "" : ", ", blind);
}

Json to_json(const SuiteCase& c) {
    Json j = {{"test", c.test}};
    if (!c.blind.empty()) {
        j["not_testable"] = c.blind;
        return j;
    }
    j["without"] = to_json(c.without);
    if (c.with)
        j["with"] = to_json(*c.with);
    return j;
}

Findings findings_of(const std::vector<SuiteCase>& cases) {
    Findings f;
    for (const SuiteCase& c : cases)
        if (c.worse())
            f.push_back(refusal("qa.xtf-worse",
                                fmt::format("{}: {} without the payloads, {} with them.", c.test,
                                            to_string(c.without.end), to_string(c.with->end))));
    return f;
}

} // namespace xlp::qa
