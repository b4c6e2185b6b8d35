// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-qa/scenario/prove.h"

#include "payload/base/file.h"

#include <algorithm>
#include <fmt/format.h>

namespace xlp::qa {

namespace {

constexpr std::size_t tests_at_once = 24; // of some MB each, on a disk of 64

Result<void> add_test(Scenario& s, const XtfTest& t, std::size_t number) {
    auto bytes = read_text(t.image);
    if (!bytes)
        return fail(bytes);
    s.files.push_back(xtf_file(t, number, std::move(*bytes)));
    return {};
}

void add_applied(Scenario& s, const std::vector<Payload>& payloads) {
    for (std::size_t i = 0; i < payloads.size(); ++i) {
        s.files.push_back(regular_file(guest_path(i).substr(1), payloads[i].bytes));
        s.steps.push_back(raw_step("upload", payloads[i].name, guest_path(i)));
        s.steps.push_back(operation_step("apply", payloads[i].name));
    }
}

// What a payload's own steps met, when they did not all pass; empty: they did.
std::string fault_of_life(const Outcome& o) {
    for (const StepResult& s : o.steps)
        if (s.step.verb != "xtf" && s.verdict != Verdict::passed && s.verdict != Verdict::skipped)
            return fmt::format("step `{}' {}{}", s.step.name, to_string(s.verdict),
                               s.verdict == Verdict::died && o.death ? ", " + o.death->reason : "");
    return {};
}

} // namespace

const char* to_string(Proof p) {
    constexpr const char* words[] = {"closed",  "open",         "not vulnerable without it",
                                     "skipped", "not testable", "unclear"};
    return words[static_cast<int>(p)];
}

Proof conclude(const XtfSeen& before, const XtfSeen& applied) {
    if (is_vulnerable(applied.end))
        return Proof::open;
    if (before.end == XtfEnd::skip || applied.end == XtfEnd::skip)
        return Proof::skipped;
    if (applied.end != XtfEnd::success)
        return Proof::unclear;
    return is_vulnerable(before.end)       ? Proof::closed
           : before.end == XtfEnd::success ? Proof::no_hole
                                           : Proof::unclear;
}

Result<XtfProof> prove(const Testbed& bed, const XtfTest& test,
                       const std::vector<Payload>& payloads) {
    XtfProof p;
    p.test = test;
    if (p.why = not_testable(test, bed.accelerator().name); !p.why.empty()) {
        p.proof = Proof::not_testable;
        return p;
    }
    Scenario alone, patched;
    for (Scenario* s : {&alone, &patched})
        if (auto added = add_test(*s, test, 0); !added)
            return fail(added);
    const Step before = xtf_step(test, 0, "before"), applied = xtf_step(test, 0, "applied"),
               reverted = xtf_step(test, 0, "reverted");
    alone.steps = {before};
    add_applied(patched, payloads);
    patched.steps.push_back(applied);
    for (std::size_t i = payloads.size(); i-- > 0;)
        patched.steps.push_back(operation_step("revert", payloads[i].name));
    patched.steps.push_back(reverted);

    auto first = bed.run(alone);
    if (!first)
        return fail(first);
    auto second = bed.run(patched);
    if (!second)
        return fail(second);
    p.before = xtf_seen(*first, before.name);
    p.applied = xtf_seen(*second, applied.name);
    p.reverted = xtf_seen(*second, reverted.name);
    p.seconds = first->seconds + second->seconds;
    append(p.notes, first->notes);
    append(p.notes, second->notes);
    p.proof = conclude(p.before, p.applied);
    if (std::string fault = fault_of_life(*second); !fault.empty()) {
        p.proof = Proof::unclear;
        p.why = fault;
    }
    return p;
}

Result<void> run_suite(const Testbed& bed, const std::vector<XtfTest>& tests,
                       const std::vector<Payload>& payloads, std::vector<XtfSeen>& seen) {
    seen.assign(tests.size(), {});
    std::vector<std::size_t> todo;
    for (std::size_t i = 0; i < tests.size(); ++i)
        if (not_testable(tests[i], bed.accelerator().name).empty())
            todo.push_back(i);
    for (std::size_t next = 0; next < todo.size();) {
        Scenario s;
        add_applied(s, payloads);
        const std::size_t end = std::min(next + tests_at_once, todo.size());
        for (std::size_t i = next; i < end; ++i) {
            if (auto added = add_test(s, tests[todo[i]], i); !added)
                return added;
            s.steps.push_back(xtf_step(tests[todo[i]], i, "run"));
        }
        auto outcome = bed.run(s);
        if (!outcome)
            return fail(outcome);
        if (std::string fault = fault_of_life(*outcome); !fault.empty())
            return fail(
                refusal("qa.step-failed", fmt::format("The tests cannot be run: {}.", fault)));
        const std::size_t begin = next;
        for (; next < end; ++next) {
            const XtfTest& test = tests[todo[next]];
            XtfSeen one = xtf_seen(*outcome, xtf_step(test, next, "run").name);
            if (one.end == XtfEnd::unknown && outcome->death && next > begin)
                break; // its turn comes on the next machine
            seen[todo[next]] = std::move(one);
        }
    }
    return {};
}

bool is_worse(XtfEnd without, XtfEnd with) {
    const bool good = without == XtfEnd::success || without == XtfEnd::skip;
    return (good && with != without) || (!is_vulnerable(without) && is_vulnerable(with));
}

} // namespace xlp::qa
