// SPDX-License-Identifier: GPL-2.0-only
// xlp-build base: the hypervisors that payloads are built for.
#include "tools/xlp-build/base/base.h"

#include "payload/base/json.h"
#include "tools/common/cache.h"
#include "tools/common/interrupt.h"
#include "tools/common/process.h"
#include "tools/xlp-build/matrix/run.h"
#include "tools/xlp-build/verbs/verbs.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace xlp::build {

namespace fs = std::filesystem;
namespace po = cli::po;
using cli::text;

namespace {

Json describe(const Base& b) {
    return {{"name", b.name},         {"folder", b.folder.string()},
            {"branch", b.branch},     {"version", b.version},
            {"build_id", b.build_id}, {"revision", b.revision},
            {"compiler", b.compiler}, {"files", b.files}};
}

std::string line_of(const Base& b) {
    return fmt::format("{:<20} Xen {:<9} {} {}", b.name, b.version, b.build_id,
                       b.has("kernel") && b.has("hypervisor") ? "" : "(builds only: no kernel)");
}

// The hypervisor of a revision, built as a whole, with what --config leaves open decided by Xen.
Result<BaseFiles> build_revision(const po::variables_map& vm, Base& about, const Toolchain& tools,
                                 const cli::Output& out, const std::stop_token& stop) {
    const Clone clone(text(vm, "git"), stop);
    auto commit = clone.resolve(text(vm, "ref"));
    if (!commit)
        return fail(commit);
    about.revision = *commit;
    MatrixSettings settings;
    settings.cache = vm.count("cache") ? fs::absolute(text(vm, "cache")) : cache::default_folder();
    settings.toolchain = tools;
    if (vm.count("config"))
        settings.config[""] = text(vm, "config");
    settings.progress = [&](const std::string& step) { out.progress(step); };
    auto built = base_hypervisor(clone, *commit, "", settings, stop);
    out.progress_end();
    if (!built)
        return fail(built);
    return BaseFiles{{"source", built->source},
                     {"config", built->config},
                     {"xen_syms", built->xen_syms},
                     {"hypervisor", built->xen}};
}

Result<BaseFiles> files_of(const po::variables_map& vm, Base& about, const Toolchain& tools,
                           const cli::Output& out, const std::stop_token& stop) {
    BaseFiles files;
    const bool from_clone = vm.count("git") && vm.count("ref");
    if (from_clone) {
        auto built = build_revision(vm, about, tools, out, stop);
        if (!built)
            return built;
        files = std::move(*built);
    } else if (vm.count("from")) {
        auto found = find_base_files(text(vm, "from"));
        if (!found)
            return found;
        files = std::move(*found);
    }
    for (const auto& [option, role] : {std::pair{"source", "source"},
                                       {"config", "config"},
                                       {"xen-syms", "xen_syms"},
                                       {"xen", "hypervisor"},
                                       {"kernel", "kernel"}})
        if (vm.count(option) && !(from_clone && role == std::string("config")))
            files[role] = text(vm, option);
    for (const char* role : {"source", "config", "xen_syms"})
        if (!files.contains(role))
            return fail(wrong_usage("base add takes --from DIR, or --git and --ref, or --source, "
                                    "--config and --xen-syms."));
    return files;
}

Result<void> add(const po::variables_map& vm, const cli::Output& out, Json& doc,
                 const std::stop_token& stop) {
    Base about;
    about.name = text(vm, "name");
    about.cc = text(vm, "cc");
    if (vm.count("make"))
        about.make = vm["make"].as<std::vector<std::string>>();
    Toolchain tools;
    tools.cc = about.cc;
    tools.make_variables = about.make;
    tools.jobs = offered_jobs();
    auto compiler = compiler_identity(tools, stop);
    if (!compiler)
        return fail(compiler);
    about.compiler = version_line(*compiler);
    auto files = files_of(vm, about, tools, out, stop);
    if (!files)
        return fail(files);
    auto base = add_base(about, *files, stop);
    if (!base)
        return fail(base);
    doc["base"] = describe(*base);
    out.text(line_of(*base));
    return {};
}

Result<void> list(const cli::Output& out, Json& doc, Findings& findings) {
    doc["bases"] = Json::array();
    for (const std::string& name : base_names()) {
        auto base = open_base(name);
        if (!base) {
            append(findings, base.error());
            continue;
        }
        doc["bases"].push_back(describe(*base));
        out.text(line_of(*base));
    }
    return {};
}

Result<void> move_out(const po::variables_map& vm, const cli::Output& out,
                      const std::stop_token& stop) {
    const std::string to = vm.count("output") ? text(vm, "output") : text(vm, "name") + ".tar";
    auto base = open_base(text(vm, "name"));
    if (!base)
        return fail(base);
    if (auto ok = export_base(*base, to, stop); !ok)
        return ok;
    out.text(to);
    return {};
}

Result<void> run_base(const po::variables_map& vm, const cli::Output& out, Json& doc,
                      Findings& findings) {
    InterruptGuard guard;
    const std::string action = text(vm, "action");
    if (action == "list")
        return list(out, doc, findings);
    if (!vm.count("name"))
        return fail(wrong_usage(fmt::format("base {} takes a name.", action)));
    if (action == "add")
        return add(vm, out, doc, guard.token());
    if (action == "export")
        return move_out(vm, out, guard.token());
    if (action == "remove")
        return remove_base(text(vm, "name"));
    if (action != "import")
        return fail(wrong_usage(
            fmt::format("base takes add, list, export, import or remove, not `{}'.", action)));
    if (!vm.count("from"))
        return fail(wrong_usage("base import needs the archive: --from FILE."));
    auto base = import_base(text(vm, "from"), text(vm, "name"), guard.token());
    if (!base)
        return fail(base);
    doc["base"] = describe(*base);
    out.text(line_of(*base));
    return {};
}

} // namespace

cli::Verb base_verb() {
    cli::Verb v;
    v.name = "base";
    v.arguments = "add|list|export|import|remove [NAME]";
    v.summary = "manage bases: the files that payloads for one hypervisor are built from";
    v.positional = {"action", "name"};
    const auto one = [] { return po::value<std::string>(); };
    v.options.add_options()("action", one()->required(), "")("name", one(), "")(
        "from", one()->value_name("PATH"),
        "add: a directory with the files, such as scripts/fetch-xen creates; import: the archive")(
        "git", one()->value_name("DIR"), "add: a clone of xen.git to build the hypervisor from")(
        "ref", one()->value_name("REVISION"), "add: the revision to build, such as RELEASE-4.20.1")(
        "source", one()->value_name("DIR"), "add: the source")("config", one()->value_name("FILE"),
                                                               "add: the configuration")(
        "xen-syms", one()->value_name("FILE"), "add: the symbol file")(
        "xen", one()->value_name("FILE"), "add: the hypervisor image, for nested runs")(
        "kernel", one()->value_name("FILE"), "add: the dom0 kernel, for nested runs")(
        "cc", one()->default_value("gcc")->value_name("CC"),
        "add: the compiler that built it; may include flags")(
        "make", po::value<std::vector<std::string>>()->value_name("VAR=VALUE"),
        "add: a variable for Xen's make; repeatable")("cache", one()->value_name("DIR"),
                                                      "default: ~/.cache/xlp")(
        "output,o", one()->value_name("FILE"), "export: the archive (default: NAME.tar)");
    v.examples = "  xlp-build base add debian-12 --from ~/.cache/xlp/debian-xen-4.17\n"
                 "  xlp-build base add xen-4.20.0 --git xen.git --ref RELEASE-4.20.0\n"
                 "  xlp-build base add xen-4.7.1 --git xen.git --ref RELEASE-4.7.1 --make debug=n\n"
                 "  xlp-build payload --base debian-12 --patch fix.patch\n";
    v.run = run_base;
    return v;
}

} // namespace xlp::build
