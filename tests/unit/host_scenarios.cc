// SPDX-License-Identifier: GPL-2.0-only
#include "host_scenarios.h"
#include "tools/xlp/disk/holds.h"
#include "tools/xlp/disk/trial.h"

#include <algorithm>
#include <cctype>

namespace xlp::host::test {

namespace fs = std::filesystem;
using Kind = Step::Kind;

Result<void> World::run(const Plan& plan, Findings& findings) {
    ScriptedHypervisor hv(xen);
    Limits limits;
    limits.attempts = 3;
    limits.settle = std::chrono::milliseconds(200);
    Operator op(hv, clock, limits);
    if (auto crash = hold_after_crash(root.paths); !crash)
        return fail(crash);
    Executor executor(hv, op, clock, {root.paths, xen_id, {}, {}, {}, {}});
    return executor.run(plan, findings);
}

bool World::trial_is_true() {
    auto trial = Trial(root.paths).current();
    const Snapshot now = xen.snapshot();
    return trial
           && (!*trial
               || std::all_of((*trial)->payloads.begin(), (*trial)->payloads.end(),
                              [&](const OnTrial& p) {
                                  const Snapshot::Entry* e = now.find(p.name);
                                  return e && e->applied;
                              }));
}

PayloadSpec spec(const std::string& own, const std::string& below, bool data) {
    PayloadSpec p{id(own), below};
    p.data = data;
    return p;
}

Plan load_plan(const std::vector<std::pair<std::string, PayloadSpec>>& payloads) {
    Plan plan{"load", {}};
    for (const auto& [name, p] : payloads)
        plan.steps.push_back({Kind::upload, name, make_blob(p)});
    for (const auto& [name, p] : payloads)
        plan.steps.push_back({Kind::apply, name});
    return plan;
}

namespace {

std::vector<Scenario> scenarios() {
    const Plan stack =
        load_plan({{"a", spec("a")}, {"b", spec("b", id("a"))}, {"c", spec("c", id("b"), true)}});
    const Plan cumulative{"sync",
                          {{Kind::upload, "new", make_blob(spec("d"))},
                           {Kind::replace, "new"},
                           {Kind::unload, "a"},
                           {Kind::unload, "b"},
                           {Kind::unload, "c"}}};
    const Plan exchange{"sync", // the top's name and place for other bytes
                        {{Kind::revert, "c"},
                         {Kind::unload, "c"},
                         {Kind::upload, "c", make_blob(spec("e", id("b")))},
                         {Kind::apply, "c"}}};
    const Plan upload_new{"upload", {{Kind::upload, "new", make_blob(spec("d"))}}};
    return {
        {"load of three on nothing", {}, stack},
        {"load of one on a stack", {stack}, load_plan({{"x", spec("f", id("c"))}})},
        {"upload", {stack}, upload_new},
        {"apply", {upload_new}, {"apply", {{Kind::apply, "new"}}}},
        {"revert", {stack}, {"revert", {{Kind::revert, "c"}}}},
        {"unload", {stack, upload_new}, {"unload", {{Kind::unload, "new"}}}},
        {"replace", {stack, upload_new}, {"replace", {{Kind::replace, "new"}}}},
        {"cumulative payload for a stack", {stack}, cumulative},
        {"same name, other bytes", {stack}, exchange},
        {"revert the whole stack and unload it",
         {stack},
         {"sync",
          {{Kind::revert, "c"},
           {Kind::revert, "b"},
           {Kind::revert, "a"},
           {Kind::unload, "c"},
           {Kind::unload, "b"},
           {Kind::unload, "a"}}}},
    };
}

} // namespace

std::string text(const Snapshot& s) {
    std::string t;
    for (const auto& e : s.entries)
        t += e.name + (e.applied ? "+" : "-") + " ";
    return t;
}

std::string text(const Findings& list) {
    std::string t;
    for (const Finding& f : list)
        t += f.code + " at " + f.where.function + ": " + f.why + "\n";
    return t;
}

void EveryScenario::prepare(World& w) {
    for (const Plan& p : GetParam().setup) {
        auto done = w.run(p);
        ASSERT_TRUE(done) << text(done.error());
    }
    before_ = w.xen.snapshot();
    after_ = GetParam().plan.after(before_);
    first_ = w.xen.calls;
}

int EveryScenario::calls() {
    World w;
    prepare(w);
    auto done = w.run(GetParam().plan);
    EXPECT_TRUE(done) << text(done.error());
    EXPECT_TRUE(w.xen.snapshot().same_as(after_)) << text(w.xen.snapshot());
    EXPECT_FALSE(fs::exists(w.root.paths.journal()));
    EXPECT_TRUE(w.trial_is_true());
    return w.xen.calls - first_;
}

INSTANTIATE_TEST_SUITE_P(Host, EveryScenario, ::testing::ValuesIn(scenarios()),
                         [](const auto& scenario) {
                             std::string s = scenario.param.name;
                             for (char& c : s)
                                 if (!std::isalnum(static_cast<unsigned char>(c)))
                                     c = '_';
                             return s;
                         });

} // namespace xlp::host::test
