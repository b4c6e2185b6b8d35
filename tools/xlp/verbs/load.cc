// SPDX-License-Identifier: GPL-2.0-only
// The verbs that bring payloads from files, after a look at them: upload and load.
#include "payload/base/json.h"
#include "tools/xlp/disk/store.h"
#include "tools/xlp/hypervisor/errors.h"
#include "tools/xlp/hypervisor/names.h"
#include "tools/xlp/plan/bundle.h"
#include "tools/xlp/plan/preflight.h"
#include "tools/xlp/plan/situation.h"
#include "tools/xlp/verbs/offered.h"
#include "tools/xlp/verbs/verbs.h"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <optional>

namespace xlp::host {
namespace {

namespace po = cli::po;

struct Request {
    std::vector<Bundle> bundles;
    std::vector<std::string> names; // of each bundle
    std::uint32_t flags = 0;        // of apply
    bool apply = false;
    bool force = false;
};

void add_file_options(po::options_description& o) {
    o.add_options()("force", "continue even if the pre-upload checks fail");
    add_action_options(o);
}

Result<Request> read_files(const std::vector<std::string>& files, const Trust& trust,
                           Findings& findings) {
    Request r;
    Findings wrong;
    for (const std::string& file : files) {
        auto bundle = read_bundle(file);
        if (!bundle) {
            append(wrong, bundle.error());
            continue;
        }
        append(findings, check_signature(*bundle, trust));
        r.names.push_back(name_of_file(file));
        r.bundles.push_back(std::move(*bundle));
    }
    if (has_errors(wrong))
        return tl::unexpected(wrong);
    return r;
}

// Each payload is looked at as if those before it were there already.
void check_all(const Request& r, const Stack& stack, const Identity& xen, const Paths& paths,
               Findings& findings) {
    Situation host = situation(stack, xen);
    host.init = read_init_code(paths.xensyms());
    host.nodeps = !r.apply || (r.flags & nodeps_flag);
    for (std::size_t i = 0; i < r.bundles.size(); ++i) {
        append(findings, preflight(r.bundles[i], r.names[i], host));
        host.payloads.push_back({r.names[i], r.bundles[i].about.build_id, r.apply});
    }
}

// Everything is uploaded before anything is applied: most refusals come at the upload, while
// nothing has changed.
Plan make_plan(const Request& r) {
    Plan plan{r.apply ? "load" : "upload", {}};
    for (std::size_t i = 0; i < r.bundles.size(); ++i)
        plan.steps.push_back({Step::Kind::upload, r.names[i], r.bundles[i].blob, 0, r.force});
    if (r.apply)
        for (const std::string& name : r.names)
            plan.steps.push_back({Step::Kind::apply, name, nullptr, r.flags});
    return plan;
}

// With --force, what the checks refuse is only a warning; a wrong signature stays an error.
void soften(Findings& findings) {
    for (Finding& f : findings)
        if (f.severity == Severity::error && f.code.starts_with("preflight.")
            && !is_silent_fault(f))
            f.severity = Severity::warning;
}

// Those that are in effect already, by their content, are not loaded again.
void leave_out_loaded(Request& r, const Stack& host, const cli::Output& out, Json& doc) {
    for (std::size_t i = 0; r.apply && i < r.bundles.size();) {
        const Bundle& b = r.bundles[i];
        const bool there =
            std::any_of(host.applied.begin(), host.applied.end(), [&](const Installed& in) {
                return in.certain && in.sha256 == b.blob->sha256;
            });
        if (!there) {
            ++i;
            continue;
        }
        out.text(printable(r.names[i]) + ": already applied");
        doc["already"].push_back(printable(r.names[i]));
        r.bundles.erase(r.bundles.begin() + static_cast<std::ptrdiff_t>(i));
        r.names.erase(r.names.begin() + static_cast<std::ptrdiff_t>(i));
    }
}

Store store_of(const Machine& machine, const Config& config) {
    return Store(config.store.empty() ? machine.paths.store() : config.store);
}

struct Bring {
    const Machine& machine;
    const po::variables_map& vm;
    const cli::Output& out;
    Json& doc;
    Findings& findings;

    Result<void> run(const std::vector<std::string>& files, std::optional<std::string> name,
                     bool apply) {
        auto prelude = read_prelude(machine, vm, out);
        if (!prelude)
            return fail(prelude);
        auto request = read_files(files, prelude->trust, findings);
        if (!request)
            return fail(request);
        if (name)
            request->names = {*name};
        request->apply = apply;
        request->force = vm.count("force") > 0;
        request->flags = vm.count("nodeps") ? nodeps_flag : 0;
        auto o = open_operation(machine, prelude->settings);
        if (!o)
            return fail(o);
        append(findings, o->notes);
        doc["xen"] = describe(o->session);
        if (auto done = o->executor->repair(findings); !done)
            return done;
        auto host = what_is_loaded(machine.paths, store_of(machine, prelude->config), o->session);
        if (!host)
            return fail(host);
        leave_out_loaded(*request, *host, out, doc);
        check_all(*request, *host, o->session.identity, machine.paths, findings);
        if (auto read = check_policy(*request, *prelude, o->session.identity); !read)
            return read;
        if (request->force)
            soften(findings);
        if (has_errors(findings))
            return {}; // they decide the exit code
        return carry_out(*o, *request);
    }

    Result<void> check_policy(const Request& request, const Prelude& prelude, const Identity& xen) {
        const Store store = store_of(machine, prelude.config);
        for (const Bundle& b : request.bundles) {
            auto against = check_withheld(machine.paths, store, prelude.trust, xen, *b.blob,
                                          {b.file, {}, {}, 0});
            if (!against)
                return fail(against);
            append(findings, std::move(*against));
        }
        return {};
    }

    Result<void> carry_out(Operation& o, const Request& request) {
        if (auto done = o.executor->run(make_plan(request), findings); !done)
            return done;
        Json names = Json::array();
        for (const std::string& n : request.names) {
            names.push_back(printable(n));
            out.text(fmt::format("{}: {}", printable(n), request.apply ? "applied" : "uploaded"));
        }
        doc[request.apply ? "loaded" : "uploaded"] = names;
        doc["cost"] = cost_of(o.session);
        return {};
    }
};

} // namespace

cli::Verb upload_verb(const Machine& machine) {
    cli::Verb v{"upload",
                "NAME FILE",
                "upload a payload to the hypervisor without applying it",
                po::options_description("Upload"),
                {"name", "file"},
                "  xlp upload xsa-999 xsa-999.livepatch && xlp apply xsa-999\n",
                {}};
    v.options.add_options()("name", po::value<std::string>()->required())(
        "file", po::value<std::string>()->required());
    add_file_options(v.options);
    v.run = [&machine](const po::variables_map& vm, const cli::Output& out, Json& doc,
                       Findings& findings) {
        return Bring{machine, vm, out, doc, findings}.run({vm["file"].as<std::string>()},
                                                          vm["name"].as<std::string>(), false);
    };
    return v;
}

cli::Verb load_verb(const Machine& machine) {
    cli::Verb v{"load",
                "FILE...",
                "upload and apply payloads in order, all or none",
                po::options_description("Load"),
                {"file..."},
                "  xlp load first.livepatch second.livepatch\n",
                {}};
    v.options.add_options()("file", po::value<std::vector<std::string>>()->required())(
        "nodeps", "check only that they fit the hypervisor, not what they depend on");
    add_file_options(v.options);
    v.run = [&machine](const po::variables_map& vm, const cli::Output& out, Json& doc,
                       Findings& findings) {
        return Bring{machine, vm, out, doc, findings}.run(vm["file"].as<std::vector<std::string>>(),
                                                          std::nullopt, true);
    };
    return v;
}

} // namespace xlp::host
