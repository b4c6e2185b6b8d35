// SPDX-License-Identifier: GPL-2.0-only
// xlp-build payload: from a source tree and patches to a proven payload with its manifest.
#include "payload/base/bytes.h"
#include "payload/base/file.h"
#include "payload/base/hash.h"
#include "payload/base/json.h"
#include "payload/elf/object.h"
#include "payload/pipeline/assemble.h"
#include "payload/report/explain.h"
#include "tools/common/interrupt.h"
#include "tools/common/process.h"
#include "tools/xlp-build/compile/request.h"
#include "tools/xlp-build/verbs/publish.h"
#include "tools/xlp-build/verbs/verbs.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace xlp::build {

namespace fs = std::filesystem;
namespace po = cli::po;

namespace {

using Strings = std::vector<std::string>;

Strings strings(const po::variables_map& vm, const char* option) {
    return vm.count(option) ? vm[option].as<Strings>() : Strings{};
}

std::string text(const po::variables_map& vm, const char* option) {
    return vm.count(option) ? vm[option].as<std::string>() : std::string();
}

Finding wrong_usage(std::string why) {
    return {"usage", Severity::error, Failure::usage, {}, std::move(why), {}};
}

// The name that the payload is uploaded under: as given, or that of the first patch.
std::string name_of(const po::variables_map& vm, const Request& request) {
    std::string name = text(vm, "name");
    return name.empty() ? request.patches.front().stem().string() : name;
}

Result<elf::BuildId> depends_of(const po::variables_map& vm) {
    const std::string given = text(vm, "depends");
    if (given.empty())
        return elf::BuildId{};
    auto id = from_hex(given);
    if (!id || id->empty())
        return fail(wrong_usage(
            fmt::format("--depends takes a build-id in hexadecimal, not `{}'.", given)));
    return *id;
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
                          fmt::format("The source is that of Xen {}.{}, the hypervisor is {}.",
                                      source->major, source->minor, v.text()),
                          "Give the source that the hypervisor was built from.",
                          {request.source.string(), {}, {}, 0}));
}

std::vector<ObjectPair> pairs_of(const Build& build) {
    std::vector<ObjectPair> pairs;
    for (const CompiledUnit& c : build.units)
        pairs.push_back({c.unit.object, c.unit.source, c.original, c.patched});
    return pairs;
}

manifest::Manifest about(const po::variables_map& vm, const std::string& name) {
    manifest::Manifest m;
    m.name = name;
    m.title = text(vm, "title");
    m.advisories = strings(vm, "advisory");
    m.cves = strings(vm, "cve");
    m.supersedes = strings(vm, "supersedes");
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
    if (ok)
        ok = add("xen-syms", text(vm, "xen-syms"));
    if (!ok)
        return fail(ok);
    return inputs;
}

Result<void> keep_objects(const fs::path& folder, const std::vector<ObjectPair>& pairs) {
    std::error_code error;
    for (const ObjectPair& p : pairs)
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
    const Request request = read_request(vm);
    const std::string name = name_of(vm, request);
    const fs::path output = vm.count("output") ? text(vm, "output") : name + ".livepatch";
    auto depends = depends_of(vm);
    if (!depends)
        return fail(depends);
    std::optional<xen::Version> version;
    if (vm.count("xen-version") && !(version = xen::parse_version(text(vm, "xen-version"))))
        return fail(wrong_usage("--xen-version takes a version such as 4.17.5."));
    auto image = xen::Image::read(text(vm, "xen-syms"), version);
    if (!image)
        return fail(image);
    if (auto ok = check_version(request, *image); !ok)
        return ok;
    auto inputs = inputs_of(vm, request);
    if (!inputs)
        return fail(inputs);

    auto build = build_units(
        request, [&](const std::string& step) { out.progress(step); }, guard.token());
    if (!build)
        return fail(build);
    append(findings, build->findings);
    const std::vector<ObjectPair> pairs = pairs_of(*build);
    doc["xen_version"] = image->version().text();
    doc["xen_build_id"] = hex(image->build_id());
    doc["units"] = Json::array();
    for (const CompiledUnit& c : build->units)
        doc["units"].push_back(to_json(c.unit));
    if (vm.count("keep"))
        if (auto ok = keep_objects(text(vm, "keep"), pairs); !ok)
            return ok;

    out.progress("Comparing");
    AssembleOptions options;
    options.name = name;
    options.depends = *depends;
    options.jobs = request.toolchain.jobs;
    options.allowances.granted = strings(vm, "allow");
    options.left_out = strings(vm, "leave-out");
    manifest::Manifest given = about(vm, name);
    given.inputs = std::move(*inputs);
    options.modinfo = manifest::modinfo(given);
    const auto recompile = [&](auto how) -> Recompile {
        return [&, how](const ObjectPair& pair) -> Result<fs::path> {
            for (const CompiledUnit& c : build->units)
                if (c.unit.object == pair.name)
                    return how(*build, c.unit, guard.token());
            return fs::path();
        };
    };
    options.compile_stable = recompile(compile_stable);
    options.compile_whole = recompile(compile_whole);
    auto assembly = assemble(pairs, *image, options);
    if (!assembly)
        return fail(assembly);
    append(findings, assembly->findings);
    doc.update(describe(*assembly));
    if (auto ok = publish(output, given, *image, *assembly); !ok)
        return ok;
    doc["output"] = output.string();
    if (vm.count("report"))
        if (auto ok = write_report(output, *image, text(vm, "report")); !ok)
            return ok;
    out.progress_end();
    for (const std::string& line : explain(*assembly))
        vm.count("explain") ? out.text(line) : out.detail(line);
    out.text(summary(*assembly, output));
    return {};
}

} // namespace

cli::Verb payload_verb() {
    cli::Verb v;
    v.name = "payload";
    v.arguments = "--source DIR --patch FILE... --xen-syms FILE [-o FILE]";
    v.summary = "build a payload from a patch";
    add_request_options(v.options);
    const auto list = [] { return po::value<Strings>(); };
    const auto one = [] { return po::value<std::string>(); };
    v.options.add_options()("xen-syms", one()->required()->value_name("FILE"),
                            "symbol file of the hypervisor that runs on the host")(
        "output,o", one()->value_name("FILE"), "where the payload goes (default: NAME.livepatch)")(
        "name", one()->value_name("NAME"), "payload's name (default: that of the first patch)")(
        "depends", one()->value_name("BUILD_ID"),
        "payload that this one is applied on top of (default: the hypervisor)")(
        "xen-version", one()->value_name("VERSION"), "version, if xen-syms does not tell it")(
        "advisory", list()->value_name("XSA-NNN"), "advisory that the patch fixes (repeatable)")(
        "cve", list()->value_name("CVE-..."), "CVE that the patch fixes (repeatable)")(
        "title", one()->value_name("TEXT"),
        "one line for people")("supersedes", list()->value_name("BUILD_ID"),
                               "payload whose fixes this one contains (repeatable)")(
        "allow", list()->value_name("CODE[:NAME]"),
        "accept a refusal of this code, or of this code for one function or datum (repeatable)")(
        "leave-out", list()->value_name("FUNCTION"),
        "let this function keep its old code, although the patch changes it (repeatable)")(
        "explain", "say of everything in the payload why it is there")(
        "report", one()->value_name("FILE.html"), "also write a page about the payload")(
        "keep", one()->value_name("DIR"), "keep the compiled objects there");
    v.examples =
        "  xlp-build payload --source xen-4.17.5 --patch xsa480.patch --config xen.config \\\n"
        "      --xen-syms xen-syms-4.17 --advisory XSA-480 -o xsa480.livepatch\n"
        "  xlp-build payload ... --explain    # why is each function in it?\n";
    v.run = run_payload;
    return v;
}

} // namespace xlp::build
