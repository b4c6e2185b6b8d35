// SPDX-License-Identifier: GPL-2.0-only
// Proofs by XTF, for people and for programs.
#include "tools/xlp-qa/verbs/report.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sstream>

namespace xlp::qa {

using Json = nlohmann::ordered_json;

namespace {

std::string word(const XtfSeen& s) {
    return s.why.empty() ? to_string(s.end) : fmt::format("{} ({})", to_string(s.end), s.why);
}

void append_evidence(std::vector<std::string>& out, const char* state, const XtfSeen& s) {
    std::istringstream console(s.console);
    for (std::string line; std::getline(console, line);)
        out.push_back(fmt::format("      {:<9} {}", state, line));
    for (const std::string& line : s.log)
        out.push_back(fmt::format("      {:<9} (XEN) {}", state, line));
}

} // namespace

std::vector<std::string> proof_lines(const std::vector<XtfProof>& proofs, bool all) {
    std::vector<std::string> out;
    for (const XtfProof& p : proofs) {
        out.push_back(fmt::format("xtf {}: {}{}", p.test.label(), to_string(p.proof),
                                  p.why.empty() ? "" : " (" + p.why + ")"));
        if (p.proof == Proof::not_testable)
            continue;
        for (const auto& [state, seen] :
             {std::pair{"before", &p.before}, {"applied", &p.applied}, {"reverted", &p.reverted}}) {
            out.push_back(fmt::format("  {:<9} {}", state, word(*seen)));
            if (all)
                append_evidence(out, state, *seen);
        }
    }
    return out;
}

Json to_json(const XtfSeen& s) {
    return {{"end", to_string(s.end)}, {"why", s.why}, {"console", s.console}, {"log", s.log}};
}

Json to_json(const std::vector<XtfProof>& proofs) {
    Json list = Json::array();
    for (const XtfProof& p : proofs)
        list.push_back({{"test", p.test.label()},
                        {"proof", to_string(p.proof)},
                        {"why", p.why},
                        {"seconds", p.seconds},
                        {"before", to_json(p.before)},
                        {"applied", to_json(p.applied)},
                        {"reverted", to_json(p.reverted)}});
    return list;
}

Findings findings_of(const std::vector<XtfProof>& proofs) {
    Findings f;
    for (const XtfProof& p : proofs) {
        const Where where{p.test.label(), {}, {}, 0};
        if (p.proof == Proof::open)
            f.push_back(refusal(
                "qa.xtf-open",
                fmt::format("With the payload applied, the test reports {}.", word(p.applied)), {},
                where));
        else if (p.proof != Proof::closed)
            f.push_back(warning("qa.xtf-no-proof",
                                fmt::format("The test proves nothing: {}{}.", to_string(p.proof),
                                            p.why.empty() ? "" : ", " + p.why),
                                {}, where));
        append(f, p.notes);
    }
    return f;
}

} // namespace xlp::qa
