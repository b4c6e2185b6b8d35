// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/blob.h"
#include "tools/xlp/names.h"
#include "tools/xlp/verbs.h"

#include <fmt/format.h>

namespace xlp::host {
namespace {

namespace po = cli::po;

// Everything is uploaded before anything is applied: most refusals come at the upload, while
// nothing has changed.
Result<Plan> plan_load(const std::vector<std::string>& files, std::uint32_t flags) {
    Plan plan{"load", {}};
    std::vector<Step> applies;
    Findings wrong;
    for (const std::string& file : files) {
        const std::string name = name_of_file(file);
        if (auto ok = check_new_name(name); !ok)
            append(wrong, ok.error());
        auto blob = read_blob(file);
        if (!blob) {
            append(wrong, blob.error());
            continue;
        }
        plan.steps.push_back({Step::Kind::upload, name, *blob});
        applies.push_back({Step::Kind::apply, name, nullptr, flags});
    }
    if (has_errors(wrong))
        return tl::unexpected(wrong);
    plan.steps.insert(plan.steps.end(), applies.begin(), applies.end());
    return plan;
}

} // namespace

cli::Verb load_verb(const Machine& machine) {
    cli::Verb v{"load",
                "FILE...",
                "upload and apply payloads in order: all of them, or none",
                po::options_description("Load"),
                {"file..."},
                {},
                {}};
    v.options.add_options()("file", po::value<std::vector<std::string>>()->required())(
        "nodeps", "do not check what they stack on, only the hypervisor");
    add_action_options(v.options);
    v.run = [&machine](const po::variables_map& vm, const cli::Output& out, cli::Json& doc,
                       Findings& findings) -> Result<void> {
        auto plan = plan_load(vm["file"].as<std::vector<std::string>>(),
                              vm.count("nodeps") ? nodeps_flag : 0);
        if (!plan)
            return tl::unexpected(plan.error());
        auto o = open_operation(machine, vm, out);
        if (!o)
            return tl::unexpected(o.error());
        doc["xen"] = describe(o->session);
        if (auto done = o->executor->run(*plan, findings); !done)
            return done;
        doc["loaded"] = cli::Json::array();
        for (const Step& s : plan->steps) {
            if (s.kind != Step::Kind::apply)
                continue;
            doc["loaded"].push_back(s.name);
            out.text(fmt::format("{}: applied", s.name));
        }
        return {};
    };
    return v;
}

} // namespace xlp::host
