// SPDX-License-Identifier: GPL-2.0-only
// xlp-build payload: from a source tree and patches to a proven payload with its manifest.
#include "payload/base/bytes.h"
#include "payload/base/file.h"
#include "payload/base/hash.h"
#include "payload/base/json.h"
#include "payload/elf/object.h"
#include "payload/report/explain.h"
#include "tools/common/interrupt.h"
#include "tools/common/process.h"
#include "tools/xlp-build/compile/request.h"
#include "tools/xlp-build/verbs/assemble.h"
#include "tools/xlp-build/verbs/below.h"
#include "tools/xlp-build/verbs/publish.h"
#include "tools/xlp-build/verbs/remedies.h"
#include "tools/xlp-build/verbs/supersede.h"
#include "tools/xlp-build/verbs/verbs.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace xlp::build {

namespace fs = std::filesystem;
namespace po = cli::po;
using cli::strings;
using cli::text;

namespace {

using Strings = std::vector<std::string>;

// The name that the payload is uploaded under: as given, or that of the first patch.
std::string name_of(const po::variables_map& vm, const Request& request) {
    std::string name = text(vm, "name");
    return name.empty() ? request.patches.front().stem().string() : name;
}

// The source must be that of the hypervisor: a wrong one is told before anything is compiled.
Result<void> check_version(const Request& request, const xen::Image& image) {
    auto source = read_version(request.source);
    if (!source)
        return fail(source);
    const xen::Version v = image.version();
    if (source->major == v.major && source->minor == v.minor)
        return {};
    return fail(bad_input("source.other-version",
                          fmt::format("The source is Xen {}.{}, but the hypervisor is {}.",
                                      source->major, source->minor, v.text()),
                          "Use the source that the hypervisor was built from.",
                          {request.source.string(), {}, {}, 0}));
}

std::vector<pipeline::ObjectPair> pairs_of(const Build& build) {
    std::vector<pipeline::ObjectPair> pairs;
    for (const CompiledUnit& c : build.units)
        pairs.push_back({c.unit.object, c.unit.source, c.original, c.patched});
    return pairs;
}

// A unit compiled in the way that a pass needs.
Result<fs::path> compile_again(const Build& build, const pipeline::Need& need,
                               const std::stop_token& stop) {
    for (const CompiledUnit& c : build.units)
        if (c.unit.object == need.unit)
            switch (need.kind) {
            case pipeline::Need::Kind::stable_lines:
                return compile_stable(build, c.unit, stop);
            case pipeline::Need::Kind::whole_sections:
                return compile_whole(build, c.unit, stop);
            }
    return fs::path();
}

manifest::Manifest about(const po::variables_map& vm, const std::string& name) {
    manifest::Manifest m;
    m.name = name;
    m.title = text(vm, "title");
    m.advisories = strings(vm, "advisory");
    m.cves = strings(vm, "cve");
    m.tool = "xlp-build";
    m.tool_version = cli::version();
    return m;
}

Result<std::vector<manifest::Input>> inputs_of(const po::variables_map& vm,
                                               const Request& request) {
    std::vector<manifest::Input> inputs;
    auto add = [&](const char* role, const fs::path& path) -> Result<void> {
        auto bytes = read_file(path);
        if (!bytes)
            return fail(bytes);
        inputs.push_back({role, path.filename().string(), sha256_hex(*bytes)});
        return {};
    };
    Result<void> ok;
    for (const fs::path& p : request.patches)
        if (ok)
            ok = add("patch", p);
    if (ok && !request.config.empty())
        ok = add("config", request.config);
    for (const char* file : {"xen-syms", "xen-efi"})
        if (ok && vm.count(file))
            ok = add(file, text(vm, file));
    if (!ok)
        return fail(ok);
    return inputs;
}

Result<void> keep_objects(const fs::path& folder, const std::vector<pipeline::ObjectPair>& pairs) {
    std::error_code error;
    for (const pipeline::ObjectPair& p : pairs)
        for (auto [side, path] : {std::pair{"original", p.original}, {"patched", p.patched}}) {
            if (path.empty())
                continue;
            const fs::path to = folder / side / p.name;
            fs::create_directories(to.parent_path(), error);
            if (!error)
                fs::copy_file(path, to, fs::copy_options::overwrite_existing, error);
            if (error)
                return fail(
                    environment("file.unwritable",
                                fmt::format("Cannot keep {}: {}.", to.string(), error.message())));
        }
    return {};
}

Result<void> run_payload(const po::variables_map& vm, const cli::Output& out, Json& doc,
                         Findings& findings) {
    InterruptGuard guard;
    Request request = read_request(vm);
    const std::string name = name_of(vm, request);
    const fs::path output = vm.count("output") ? text(vm, "output") : name + ".livepatch";
    auto options = read_payload_options(vm, name);
    if (!options)
        return fail(options);
    auto below = read_below(vm, request.patches.front().parent_path());
    if (!below)
        return fail(below);
    append(findings, std::move(below->findings));
    auto superseded = read_superseded(vm);
    if (!superseded)
        return fail(superseded);
    request.patches_below = below->patches;
    auto image = read_image(vm);
    if (!image)
        return fail(image);
    if (auto ok = check_version(request, *image); !ok)
        return ok;
    auto stack = pipeline::Stack::on(*image, below->payloads);
    if (!stack)
        return fail(stack);
    if (!below->payloads.empty())
        options->stack = &*stack;
    auto inputs = inputs_of(vm, request);
    if (!inputs)
        return fail(inputs);

    auto build = build_units(
        request, [&](const std::string& step) { out.progress(step); }, guard.token());
    if (!build)
        return fail(build);
    append(findings, build->findings);
    const std::vector<pipeline::ObjectPair> pairs = pairs_of(*build);
    doc["xen_version"] = image->version().text();
    doc["xen_build_id"] = hex(image->build_id());
    doc["units"] = Json::array();
    for (const CompiledUnit& c : build->units)
        doc["units"].push_back(to_json(c.unit));
    if (vm.count("keep"))
        if (auto ok = keep_objects(text(vm, "keep"), pairs); !ok)
            return ok;

    out.progress("Comparing");
    options->jobs = request.toolchain.jobs;
    manifest::Manifest given = about(vm, name);
    given.inputs = std::move(*inputs);
    given.supersedes = superseded->build_ids;
    given.inputs.insert(given.inputs.end(), below->inputs.begin(), below->inputs.end());
    options->modinfo = manifest::modinfo(given);
    auto assembly =
        assemble(pairs, stack->running(), std::move(*options),
                 [&](const pipeline::Need& n) { return compile_again(*build, n, guard.token()); });
    if (!assembly)
        return fail(assembly);
    append(findings, assembly->findings);
    append(findings, check_superseded(*superseded, given.advisories, *assembly));
    doc.update(report::describe(*assembly));
    if (auto ok = publish(output, given, *image, *assembly); !ok)
        return ok;
    doc["output"] = output.string();
    if (vm.count("report"))
        if (auto ok = write_report(output, *image, assembly->verdict, text(vm, "report")); !ok)
            return ok;
    out.progress_end();
    for (const std::string& line : report::explain(*assembly))
        vm.count("explain") ? out.text(line) : out.detail(line);
    out.text(report::summary(*assembly, output));
    return {};
}

} // namespace

cli::Verb payload_verb() {
    cli::Verb v;
    v.name = "payload";
    v.arguments = "--base NAME|DIR PATCH... [-o FILE]\n"
                  "       xlp-build payload --source DIR --xen-syms FILE PATCH... [-o FILE]";
    v.summary = "build a payload from patches, applied in the order given";
    v.positional = {"patch..."};
    add_request_options(v.options);
    add_payload_options(v.options);
    add_below_option(v.options);
    const auto list = [] { return po::value<Strings>(); };
    const auto one = [] { return po::value<std::string>(); };
    v.options.add_options()("output,o", one()->value_name("FILE"),
                            "output file (default: NAME.livepatch)")(
        "name", one()->value_name("NAME"),
        "the payload's name (default: the name of the first patch)")(
        "advisory", list()->value_name("XSA-NNN"), "advisory that the patch fixes (repeatable)")(
        "cve", list()->value_name("CVE-..."), "CVE that the patch fixes (repeatable)")(
        "title", one()->value_name("TEXT"),
        "one-line description")("supersedes", list()->value_name("PAYLOAD|BUILD_ID"),
                                "payload whose fixes this one contains (repeatable)")(
        "explain", "show why each item is in the payload")(
        "report", one()->value_name("FILE.html"), "also write an HTML report about the payload")(
        "keep", one()->value_name("DIR"), "keep the compiled objects in DIR");
    v.examples =
        "  xlp-build payload --base debian-12 xsa480.patch --advisory XSA-480\n"
        "  xlp-build payload --source xen-4.17.5 --config xen.config --xen-syms xen-syms-4.17 \\\n"
        "      xsa480.patch --advisory XSA-480 -o xsa480.livepatch\n"
        "  xlp-build payload --base debian-12 second.patch --below first.livepatch\n"
        "  xlp-build payload ... --explain    # why is each function in it?\n";
    v.run = run_payload;
    return cli::with_base(with_options_named(std::move(v)), {{"--source", "source"},
                                                             {"--config", "config"},
                                                             {"--xen-syms", "xen_syms"},
                                                             {"--cc", "cc"},
                                                             {"--make", "make"}});
}

} // namespace xlp::build
