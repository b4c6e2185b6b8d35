// SPDX-License-Identifier: GPL-2.0-only
// xlp-qa xtf: XTF as a regression test of a hypervisor, with and without payloads.
#include "tools/xlp-qa/verbs/options.h"
#include "tools/xlp-qa/verbs/report.h"
#include "tools/xlp-qa/verbs/verbs.h"

#include <fmt/format.h>
#include <map>
#include <nlohmann/json.hpp>

namespace xlp::qa {

namespace {

// "31 SUCCESS, 4 SKIP"
std::string count_line(const std::vector<XtfSeen>& seen) {
    std::map<XtfEnd, int> counts;
    for (const XtfSeen& s : seen)
        ++counts[s.end];
    std::string line;
    for (const auto& [end, n] : counts)
        line += fmt::format("{}{} {}", line.empty() ? "" : ", ", n, to_string(end));
    return line;
}

} // namespace

Result<void> xtf(const po::variables_map& vm, const Output& out, Json& doc, Findings& findings,
                 int cancel) {
    const std::vector<std::string> wanted = cli::strings(vm, "test");
    if (wanted.empty() != (vm.count("all") > 0))
        return fail(wrong_usage("Which tests?", "Give --all, or --test NAME[:ENV]."));
    auto tests = find_xtf_tests(cli::text(vm, "xtf"), wanted);
    if (!tests)
        return fail(tests);
    auto payloads = read_payloads(payload_arguments(vm));
    if (!payloads)
        return fail(payloads);
    auto bed = prepare(vm, cancel, [&out](const std::string& what) { out.progress(what); });
    if (!bed)
        return fail(bed);
    doc["hypervisor"] = hypervisor_json(vm, *bed);
    doc["machine"] = machine_json(*bed);
    auto without = run_suite(*bed, *tests, {});
    if (!without)
        return fail(without);
    std::vector<XtfSeen> with;
    if (!payloads->empty()) {
        auto seen = run_suite(*bed, *tests, *payloads);
        if (!seen)
            return fail(seen);
        with = std::move(*seen);
    }
    out.progress_end();
    out.text(machine_line(*bed));
    Json& list = doc["tests"] = Json::array();
    for (std::size_t i = 0; i < tests->size(); ++i) {
        const XtfTest& t = (*tests)[i];
        const XtfSeen& plain = (*without)[i];
        const std::string blind = not_testable(t, bed->accelerator().name);
        Json entry = {{"test", t.label()}, {"without", to_json(plain)}};
        std::string line = fmt::format("  {:<36} {:<8}", t.label(), to_string(plain.end));
        if (!blind.empty())
            entry["not_testable"] = blind;
        if (!with.empty()) {
            entry["with"] = to_json(with[i]);
            line += fmt::format(" {:<8}", to_string(with[i].end));
            if (is_worse(plain.end, with[i].end))
                findings.push_back(
                    refusal("qa.xtf-worse",
                            fmt::format("{}: {} without the payloads, {} with them.", t.label(),
                                        to_string(plain.end), to_string(with[i].end))));
        }
        if (!blind.empty())
            line += fmt::format(" not testable here: {}", blind);
        else if (!plain.why.empty())
            line += " " + plain.why;
        out.text(line);
        list.push_back(std::move(entry));
    }
    out.text(fmt::format("{} tests: {}", tests->size(), count_line(*without)));
    if (!with.empty())
        out.text(fmt::format("with the payloads: {}", count_line(with)));
    return {};
}

} // namespace xlp::qa
