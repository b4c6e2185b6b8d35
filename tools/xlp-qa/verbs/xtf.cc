// SPDX-License-Identifier: GPL-2.0-only
// xlp-qa xtf: XTF as a regression test of a hypervisor, with and without payloads.
#include "payload/base/file.h"
#include "tools/xlp-qa/verbs/options.h"
#include "tools/xlp-qa/verbs/report.h"
#include "tools/xlp-qa/verbs/verbs.h"

#include <fmt/format.h>
#include <map>
#include <nlohmann/json.hpp>

namespace xlp::qa {

namespace {

// Where a suite is, from the names of its steps.
class SuiteProgress {
public:
    SuiteProgress(const Output& out, const std::vector<XtfTest>& tests) : out_(out) {
        for (const XtfTest& t : tests)
            number_.emplace(xtf_step(t, 0, "run").name, number_.size() + 1);
    }
    void tell(const std::string& what) const {
        auto it = number_.find(what);
        out_.progress(it == number_.end()
                          ? what
                          : fmt::format("{}{} of {}: {}", state, it->second, number_.size(), what));
    }
    std::string state; // before the number

private:
    const Output& out_;
    std::map<std::string, std::size_t> number_;
};

std::vector<SuiteCase> cases_of(const std::vector<XtfTest>& tests, const Testbed& bed,
                                std::vector<XtfSeen> without, std::vector<XtfSeen> with,
                                bool whole) {
    std::vector<SuiteCase> cases;
    for (std::size_t i = 0; i < tests.size(); ++i) {
        SuiteCase c;
        c.test = tests[i].label();
        c.blind = not_testable(tests[i], bed.accelerator().name);
        c.without = std::move(without[i]);
        if (!with.empty() && c.blind.empty() && (whole || with[i].end != XtfEnd::unknown))
            c.with = std::move(with[i]);
        cases.push_back(std::move(c));
    }
    return cases;
}

} // namespace

Result<void> xtf(const po::variables_map& vm, const Output& out, Json& doc, Findings& findings,
                 int cancel) {
    const std::vector<std::string> wanted = cli::strings(vm, "test");
    if (wanted.empty() != (vm.count("all") > 0))
        return fail(
            wrong_usage("No tests were specified.", "Specify --all, or --test NAME[:ENV]."));
    auto tests = find_xtf_tests(cli::text(vm, "xtf"), wanted);
    if (!tests)
        return fail(tests);
    auto payloads = read_payloads(payload_arguments(vm));
    if (!payloads)
        return fail(payloads);
    SuiteProgress progress(out, *tests);
    auto bed = prepare(vm, cancel, [&](const std::string& what) { progress.tell(what); });
    if (!bed)
        return fail(bed);
    doc["hypervisor"] = hypervisor_json(vm, *bed);
    doc["machine"] = machine_json(*bed);
    std::vector<XtfSeen> without, with;
    auto ran = run_suite(*bed, *tests, {}, without);
    if (ran && !payloads->empty()) {
        progress.state = "with the payloads, ";
        ran = run_suite(*bed, *tests, *payloads, with);
    }
    out.progress_end();
    // a suite that was ended before its end tells what it got to
    const std::vector<SuiteCase> cases =
        cases_of(*tests, *bed, std::move(without), std::move(with), ran.has_value());
    out.text(machine_line(*bed));
    doc["tests"] = Json::array();
    for (const SuiteCase& c : cases) {
        doc["tests"].push_back(to_json(c));
        out.text(suite_line(c));
    }
    out.text(fmt::format("{} tests: {}", cases.size(), count_line(cases, false)));
    if (!payloads->empty())
        out.text(fmt::format("with the payloads: {}", count_line(cases, true)));
    append(findings, findings_of(cases));
    if (vm.count("junit"))
        if (auto written = write_file(cli::text(vm, "junit"), junit_xml(cases)); !written)
            return written;
    return ran;
}

} // namespace xlp::qa
