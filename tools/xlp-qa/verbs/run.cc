// SPDX-License-Identifier: GPL-2.0-only
// xlp-qa run: payloads through their whole life, guests beside them, and XTF's tests as proof.
#include "tools/xlp-qa/verbs/options.h"
#include "tools/xlp-qa/verbs/verbs.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace xlp::qa {

namespace {

Result<Plan> plan_of(const po::variables_map& vm) {
    auto payloads = read_payloads(payload_arguments(vm));
    if (!payloads)
        return fail(payloads);
    Plan plan;
    plan.payloads = std::move(*payloads);
    plan.cycles = vm["cycles"].as<unsigned>();
    plan.probe = cli::text(vm, "probe");
    for (const std::string& f : cli::strings(vm, "file"))
        plan.files.push_back(f);
    for (const std::string& text : cli::strings(vm, "guest")) {
        auto guest = parse_inmate(text);
        if (!guest)
            return fail(guest);
        plan.inmates.push_back(std::move(*guest));
    }
    return plan;
}

Result<std::vector<XtfTest>> tests_of(const po::variables_map& vm) {
    const std::vector<std::string> wanted = cli::strings(vm, "test");
    if (wanted.empty() != !vm.count("xtf"))
        return fail(wrong_usage("--xtf and --test must be used together.",
                                "Specify --xtf DIR --test NAME[:ENV]."));
    return wanted.empty() ? std::vector<XtfTest>() : find_xtf_tests(cli::text(vm, "xtf"), wanted);
}

Result<std::vector<XtfProof>> prove_all(const Testbed& bed, const std::vector<XtfTest>& tests,
                                        const Plan& plan) {
    std::vector<XtfProof> proofs;
    for (const XtfTest& t : tests) {
        auto proof = prove(bed, t, plan.payloads);
        if (!proof)
            return fail(proof);
        proofs.push_back(std::move(*proof));
    }
    return proofs;
}

// How long the guests stood still, with and without a payload going in.
void tell_pauses(const Outcome& o, const Output& out, Json& doc) {
    Json pauses = Json::object();
    std::string text;
    for (const char* verb : {"idle", "apply", "revert"})
        if (auto longest = longest_pause(o, verb)) {
            pauses[verb] = *longest;
            text += fmt::format("{} {} {:.1f} ms", text.empty() ? "" : ",", verb, *longest);
        }
    if (pauses.empty())
        return;
    doc["longest_pause_ms"] = std::move(pauses);
    out.text("longest guest pause:" + text);
}

} // namespace

Result<void> run(const po::variables_map& vm, const Output& out, Json& doc, Findings& findings,
                 int cancel) {
    auto plan = plan_of(vm); // the scenario first: it finds faults of the command line at once
    if (!plan)
        return fail(plan);
    auto tests = tests_of(vm);
    if (!tests)
        return fail(tests);
    auto scenario = make_scenario(*plan);
    if (!scenario)
        return fail(scenario);
    auto bed = prepare(vm, cancel, [&out](const std::string& what) { out.progress(what); });
    if (!bed)
        return fail(bed);
    doc["hypervisor"] = hypervisor_json(vm, *bed);
    doc["machine"] = machine_json(*bed);
    Json& list = doc["payloads"] = Json::array();
    NamedOutcome named;
    for (const Payload& p : plan->payloads) {
        list.push_back({{"name", p.name}, {"size", p.bytes.size()}});
        named.name += (named.name.empty() ? "" : "+") + p.name;
    }
    auto outcome = bed->run(*scenario);
    if (!outcome)
        return fail(outcome);
    named.outcome = std::move(*outcome);
    auto proofs = prove_all(*bed, *tests, *plan);
    if (!proofs)
        return fail(proofs);
    out.progress_end();
    doc.update(to_json(named.outcome));
    out.text(fmt::format("hypervisor {}, build-id {}", cli::text(vm, "xen"),
                         named.outcome.running_build_id));
    out.text(machine_line(*bed));
    for (const std::string& line : text_lines(named.outcome, out.verbose()))
        out.text(line);
    tell_pauses(named.outcome, out, doc);
    for (const std::string& line : proof_lines(*proofs, out.verbose()))
        out.text(line);
    if (!proofs->empty())
        doc["xtf"] = to_json(*proofs);
    append(findings, findings_of(named));
    append(findings, findings_of(*proofs));
    append(findings, named.outcome.notes);
    return write_outputs(vm, {named}, *proofs);
}

} // namespace xlp::qa
