// SPDX-License-Identifier: GPL-2.0-only
// The verbs that look at payload files without the hypervisor's help: install and verify.
#include "payload/base/bytes.h"
#include "payload/base/json.h"
#include "payload/load/model.h"
#include "tools/xlp/disk/store.h"
#include "tools/xlp/hypervisor/names.h"
#include "tools/xlp/plan/bundle.h"
#include "tools/xlp/plan/preflight.h"
#include "tools/xlp/verbs/verbs.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <set>

namespace xlp::host {
namespace {

namespace po = cli::po;

// `suspect`: files whose signature is not as demanded.
Result<std::vector<Bundle>> read_all(const std::vector<std::string>& files, const Trust& trust,
                                     Findings& findings, std::set<std::string>& suspect) {
    std::vector<Bundle> bundles;
    Findings wrong;
    for (const std::string& file : files) {
        auto bundle = read_bundle(file);
        if (bundle) {
            Findings against = check_signature(*bundle, trust);
            if (has_errors(against))
                suspect.insert(file);
            append(findings, std::move(against));
            bundles.push_back(std::move(*bundle));
        } else {
            append(wrong, bundle.error());
        }
    }
    if (has_errors(wrong))
        return tl::unexpected(wrong);
    return bundles;
}

Result<void> install(const Machine& machine, const po::variables_map& vm, const cli::Output& out,
                     Json& doc, Findings& findings) {
    auto prelude = read_prelude(machine, vm, out);
    if (!prelude)
        return fail(prelude);
    std::set<std::string> suspect;
    auto bundles =
        read_all(vm["file"].as<std::vector<std::string>>(), prelude->trust, findings, suspect);
    if (!bundles)
        return fail(bundles);
    if (has_errors(findings))
        return {};
    const Store store(store_folder(machine, prelude->config, vm));
    doc["schema"] = "xlp.install/1";
    doc["installed"] = Json::array();
    for (const Bundle& b : *bundles) {
        auto fresh = store.install(b, vm.count("force"));
        if (!fresh)
            return fail(fresh);
        const std::string place = store.place(b);
        doc["installed"].push_back({{"name", b.about.name}, {"file", place}, {"new", *fresh}});
        out.text(fmt::format("{}: {}{}", printable(b.about.name), *fresh ? "" : "already ",
                             printable(place)));
    }
    return {};
}

// What is known of the hypervisor to verify for: from its symbol file, or from the running one.
struct Target {
    std::optional<xen::Image> image;
    std::optional<Identity> identity;
    std::optional<InitCode> init;
};

Result<Target> find_target(const Machine& machine, const po::variables_map& vm,
                           const Settings& settings, Findings& findings) {
    Target t;
    if (vm.count("xen-syms")) {
        auto image = xen::Image::read(vm["xen-syms"].as<std::string>());
        if (!image)
            return fail(image);
        const xen::Version v = image->version();
        t.identity =
            Identity{v.major, v.minor, fmt::format(".{}", v.point), hex(image->build_id()), ""};
        t.image = std::move(*image);
        t.init = InitCode(); // the loader model checks that by the symbol file
        return t;
    }
    auto session = open_session(machine, settings);
    if (!session) {
        findings.push_back(
            note("verify.offline",
                 "No hypervisor is available, so whether the payload fits was not checked.",
                 "Specify the hypervisor's symbol file with --xen-syms."));
        return t;
    }
    t.identity = session->identity;
    t.init = read_init_code(machine.paths.xensyms());
    return t;
}

void judge(const Bundle& b, const Target& target, bool suspect, Findings& findings, Json& entry) {
    Findings against;
    if (target.identity) {
        const Situation host{*target.identity, {}, true, true, target.init};
        against = preflight(b, b.about.name, host);
    }
    if (target.image && !has_errors(against)) {
        load::Options options;
        options.name = b.about.name;
        options.check_stack_dependency = false; // what it stacks on is not at hand
        const load::Verdict v = load::load(b.blob->bytes, *target.image, options);
        append(against, v.findings);
        entry["loader"] = load::name_of(v.upload.outcome);
    }
    entry["good"] = !has_errors(against) && !suspect;
    append(findings, std::move(against));
}

Result<void> verify(const Machine& machine, const po::variables_map& vm, const cli::Output& out,
                    Json& doc, Findings& findings) {
    auto prelude = read_prelude(machine, vm, out);
    if (!prelude)
        return fail(prelude);
    std::set<std::string> suspect;
    auto bundles =
        read_all(vm["file"].as<std::vector<std::string>>(), prelude->trust, findings, suspect);
    if (!bundles)
        return fail(bundles);
    auto target = find_target(machine, vm, prelude->settings, findings);
    if (!target)
        return fail(target);
    doc["schema"] = "xlp.verify/1";
    doc["payloads"] = Json::array();
    for (const Bundle& b : *bundles) {
        Json entry = {{"file", b.file},
                      {"manifest", b.manifest_text.has_value()},
                      {"signed_by", b.signed_by},
                      {"about", manifest::to_json(b.about)}};
        judge(b, *target, suspect.count(b.file) > 0, findings, entry);
        if (entry["good"] == true)
            out.text(fmt::format("{}: good{}{}", printable(b.file.string()),
                                 target->identity ? " for Xen " + target->identity->version() : "",
                                 b.signed_by.empty() ? "" : ", signed by " + b.signed_by));
        doc["payloads"].push_back(std::move(entry));
    }
    return {};
}

} // namespace

void add_store_option(po::options_description& o) {
    o.add_options()("store", po::value<std::string>()->value_name("DIR"),
                    "the payload store (/usr/lib/xen-livepatch)");
}

std::filesystem::path store_folder(const Machine& machine, const Config& config,
                                   const po::variables_map& vm) {
    if (vm.count("store"))
        return vm["store"].as<std::string>();
    return config.store.empty() ? machine.paths.store() : config.store;
}

cli::Verb install_verb(const Machine& machine) {
    cli::Verb v{"install",
                "FILE...",
                "add payloads to the host's store, for sync to apply",
                po::options_description("Install"),
                {"file..."},
                "  xlp install *.livepatch && xlp sync\n",
                {}};
    v.options.add_options()("file", po::value<std::vector<std::string>>()->required())(
        "force", "overwrite another payload of the same name");
    add_store_option(v.options);
    v.run = [&machine](const po::variables_map& vm, const cli::Output& out, Json& doc,
                       Findings& findings) { return install(machine, vm, out, doc, findings); };
    return v;
}

cli::Verb verify_verb(const Machine& machine) {
    cli::Verb v{"verify",
                "FILE...",
                "check payloads, their manifests and signatures",
                po::options_description("Verify"),
                {"file..."},
                "  xlp verify xsa-999.livepatch --xen-syms /usr/lib/debug/xen-syms\n",
                {}};
    v.options.add_options()("file", po::value<std::vector<std::string>>()->required())(
        "xen-syms", po::value<std::string>()->value_name("FILE"),
        "symbol file of the hypervisor: also predict what its loader will do");
    add_connection_options(v.options);
    v.run = [&machine](const po::variables_map& vm, const cli::Output& out, Json& doc,
                       Findings& findings) { return verify(machine, vm, out, doc, findings); };
    return v;
}

} // namespace xlp::host
