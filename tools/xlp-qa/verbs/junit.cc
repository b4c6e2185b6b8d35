// SPDX-License-Identifier: GPL-2.0-only
// Outcomes as JUnit XML, as CI systems read it.
#include "tools/common/xml.h"
#include "tools/xlp-qa/verbs/report.h"

#include <algorithm>
#include <fmt/format.h>

namespace xlp::qa {

namespace {

using xml::child;
using xml::set;

void append_case(pugi::xml_node suite, const std::string& name, const StepResult& s,
                 const Outcome& o) {
    pugi::xml_node c = child(suite, "testcase");
    set(c, "classname", "xlp-qa." + name);
    set(c, "name", s.step.name);
    set(c, "time", fmt::format("{:.3f}", s.seconds));
    if (s.verdict == Verdict::skipped)
        child(c, "skipped");
    if (s.verdict == Verdict::failed)
        set(child(c, "failure", s.output), "message", reason_of(s));
    if (s.verdict == Verdict::died && o.death) {
        std::string log;
        for (const std::string& line : o.death->log)
            log += line + '\n';
        pugi::xml_node error = child(c, "error", log);
        set(error, "type", to_string(o.death->kind));
        set(error, "message", death_line(*o.death));
    }
    std::string said = s.output;
    for (const std::string& line : s.log)
        said += "(XEN) " + line + '\n';
    for (const std::string& line : s.dom0_log)
        said += line + '\n';
    if (!said.empty())
        child(c, "system-out", said);
}

std::string said_by(const char* state, const XtfSeen& seen) {
    std::string said =
        fmt::format("{}: {} {}\n{}", state, to_string(seen.end), seen.why, seen.console);
    for (const std::string& line : seen.log)
        said += "(XEN) " + line + '\n';
    return said;
}

// A test that proves nothing is skipped, not passed.
void append_proofs(pugi::xml_node suites, const std::vector<XtfProof>& proofs) {
    auto count = [&](bool open) {
        return std::to_string(std::count_if(proofs.begin(), proofs.end(), [&](const XtfProof& p) {
            return open ? p.proof == Proof::open
                        : p.proof != Proof::open && p.proof != Proof::closed;
        }));
    };
    pugi::xml_node suite = child(suites, "testsuite");
    set(suite, "name", "xtf");
    set(suite, "tests", std::to_string(proofs.size()));
    set(suite, "failures", count(true));
    set(suite, "skipped", count(false));
    for (const XtfProof& p : proofs) {
        pugi::xml_node c = child(suite, "testcase");
        set(c, "classname", "xlp-qa.xtf");
        set(c, "name", p.test.label());
        set(c, "time", fmt::format("{:.3f}", p.seconds));
        if (p.proof == Proof::open)
            set(child(c, "failure"), "message", to_string(p.proof));
        else if (p.proof != Proof::closed)
            set(child(c, "skipped"), "message",
                p.why.empty() ? to_string(p.proof) : to_string(p.proof) + (": " + p.why));
        std::string said;
        for (const auto& [state, seen] :
             {std::pair{"before", &p.before}, {"applied", &p.applied}, {"reverted", &p.reverted}})
            said += said_by(state, *seen);
        child(c, "system-out", said);
    }
}

pugi::xml_node append_suites(pugi::xml_document& doc) {
    pugi::xml_node suites = xml::root(doc, "testsuites");
    set(suites, "name", "xlp-qa");
    return suites;
}

} // namespace

std::string junit_xml(const std::vector<SuiteCase>& cases) {
    pugi::xml_document doc;
    pugi::xml_node suite = child(append_suites(doc), "testsuite");
    // what says nothing of the payloads, or of the hypervisor, is skipped
    auto passed = [](const SuiteCase& c) {
        return c.blind.empty() && c.without.end == XtfEnd::success;
    };
    set(suite, "name", "xtf");
    set(suite, "tests", std::to_string(cases.size()));
    set(suite, "failures",
        std::to_string(std::count_if(cases.begin(), cases.end(),
                                     [](const SuiteCase& c) { return c.worse(); })));
    set(suite, "skipped",
        std::to_string(std::count_if(cases.begin(), cases.end(), [&](const SuiteCase& c) {
            return !c.worse() && !passed(c);
        })));
    for (const SuiteCase& c : cases) {
        pugi::xml_node node = child(suite, "testcase");
        set(node, "classname", "xlp-qa.xtf");
        set(node, "name", c.test);
        if (c.worse())
            set(child(node, "failure"), "message",
                fmt::format("{} without the payloads, {} with them", to_string(c.without.end),
                            to_string(c.with->end)));
        else if (!passed(c))
            set(child(node, "skipped"), "message",
                c.blind.empty() ? to_string(c.without.end) : "not testable: " + c.blind);
        if (c.blind.empty())
            child(node, "system-out",
                  said_by("without", c.without) + (c.with ? said_by("with", *c.with) : ""));
    }
    return xml::text(doc);
}

std::string junit_xml(const std::vector<NamedOutcome>& all, const std::vector<XtfProof>& proofs) {
    pugi::xml_document doc;
    pugi::xml_node suites = append_suites(doc);
    for (const NamedOutcome& n : all) {
        auto count = [&](Verdict v) {
            return std::to_string(std::count_if(n.outcome.steps.begin(), n.outcome.steps.end(),
                                                [&](auto& s) { return s.verdict == v; }));
        };
        pugi::xml_node suite = child(suites, "testsuite");
        set(suite, "name", n.name);
        set(suite, "tests", std::to_string(n.outcome.steps.size()));
        set(suite, "failures", count(Verdict::failed));
        set(suite, "errors", count(Verdict::died));
        set(suite, "skipped", count(Verdict::skipped));
        set(suite, "time", fmt::format("{:.3f}", n.outcome.seconds));
        for (const StepResult& s : n.outcome.steps)
            append_case(suite, n.name, s, n.outcome);
    }
    if (!proofs.empty())
        append_proofs(suites, proofs);
    return xml::text(doc);
}

} // namespace xlp::qa
