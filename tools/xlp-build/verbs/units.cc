// SPDX-License-Identifier: GPL-2.0-only
// xlp-build units: what would be compiled for a patch, and why.
#include "payload/base/json.h"
#include "tools/common/interrupt.h"
#include "tools/common/process.h"
#include "tools/xlp-build/compile/request.h"
#include "tools/xlp-build/verbs/verbs.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace xlp::build {

namespace {

std::string line_of(const Unit& u) {
    std::string notes;
    for (const std::string& r : u.reasons)
        notes += (notes.empty() ? "" : "; ") + r;
    if (u.assembly)
        notes += "; assembly";
    if (u.init_only)
        notes += "; freed once Xen has booted";
    if (u.boot_code)
        notes += "; runs before Xen";
    return fmt::format("{:<36} {}", u.object, notes);
}

Result<void> run_units(const cli::po::variables_map& vm, const cli::Output& out, Json& doc,
                       Findings& findings) {
    InterruptGuard guard;
    auto plan = plan_build(
        read_request(vm), [&](const std::string& step) { out.progress(step); }, guard.token());
    out.progress_end();
    if (!plan)
        return fail(plan);
    append(findings, plan->findings);
    doc["xen_version"] = plan->trees.version.text();
    doc["changed_files"] = Json::array();
    for (const ChangedFile& c : plan->changed)
        doc["changed_files"].push_back(c.path);
    doc["units"] = Json::array();
    doc["unchanged"] = Json::array();
    for (const CompiledUnit& c : plan->units) {
        doc["units"].push_back(to_json(c.unit));
        out.text(line_of(c.unit));
    }
    for (const Unit& u : plan->unchanged) {
        doc["unchanged"].push_back(to_json(u));
        out.detail(line_of(u));
    }
    out.text(fmt::format("{} of {} units of Xen {} would be compiled; {} more include a changed "
                         "file but use nothing that differs.",
                         plan->units.size(), plan->trees.original_recipes.size(),
                         plan->trees.version.text(), plan->unchanged.size()));
    return {};
}

} // namespace

cli::Verb units_verb() {
    cli::Verb verb;
    verb.name = "units";
    verb.arguments = "--source DIR --patch FILE...";
    verb.summary = "show which units a patch touches, and why";
    add_request_options(verb.options);
    verb.examples = "  xlp-build units --source xen-4.17.5 --patch xsa.patch --config xen.config\n";
    verb.run = run_units;
    return cli::with_base(
        std::move(verb),
        {{"--source", "source"}, {"--config", "config"}, {"--cc", "cc"}, {"--make", "make"}});
}

} // namespace xlp::build
