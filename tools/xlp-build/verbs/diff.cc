// SPDX-License-Identifier: GPL-2.0-only
// xlp-build diff: a payload out of two objects, or two trees of objects.
#include "payload/base/file.h"
#include "payload/base/json.h"
#include "payload/elf/writer.h"
#include "payload/report/explain.h"
#include "tools/common/process.h"
#include "tools/xlp-build/verbs/assemble.h"
#include "tools/xlp-build/verbs/below.h"
#include "tools/xlp-build/verbs/remedies.h"
#include "tools/xlp-build/verbs/verbs.h"

#include <map>
#include <nlohmann/json.hpp>

namespace xlp::build {

namespace fs = std::filesystem;
namespace po = cli::po;

namespace {

// Objects below a folder by their path in it.
std::map<std::string, fs::path> objects_below(const fs::path& folder) {
    std::map<std::string, fs::path> found;
    for (const auto& entry : fs::recursive_directory_iterator(folder))
        if (entry.is_regular_file() && entry.path().extension() == ".o")
            found.emplace(fs::relative(entry.path(), folder).string(), entry.path());
    return found;
}

bool same_file(const fs::path& a, const fs::path& b) {
    auto x = read_file(a), y = read_file(b);
    return x && y && *x == *y;
}

// Pairs of objects that differ; all, where payloads below may carry something of the others. Two
// files make one pair.
Result<std::vector<pipeline::ObjectPair>> pairs_of(const fs::path& original,
                                                   const fs::path& patched, bool all) {
    std::error_code error;
    const bool folders = fs::is_directory(original, error);
    if (folders != fs::is_directory(patched, error))
        return fail(wrong_usage("ORIG and PATCHED must be two objects or two directories."));
    if (!folders)
        return std::vector<pipeline::ObjectPair>{
            {original.filename().string(), {}, original, patched}};
    std::map<std::string, pipeline::ObjectPair> pairs;
    for (auto& [name, path] : objects_below(original))
        pairs[name].original = path;
    for (auto& [name, path] : objects_below(patched))
        pairs[name].patched = path;
    std::vector<pipeline::ObjectPair> differing;
    for (auto& [name, pair] : pairs) {
        pair.name = name;
        if (all || pair.original.empty() || pair.patched.empty()
            || !same_file(pair.original, pair.patched))
            differing.push_back(std::move(pair));
    }
    if (differing.empty())
        return fail(
            refusal("select.nothing-changed", "The objects in both directories are identical."));
    return differing;
}

Result<void> run_diff(const po::variables_map& vm, const cli::Output& out, Json& doc,
                      Findings& findings) {
    auto options =
        read_payload_options(vm, fs::path(vm["output"].as<std::string>()).stem().string());
    if (!options)
        return fail(options);
    auto image = read_image(vm);
    if (!image)
        return fail(image);
    auto below = read_below(vm);
    if (!below)
        return fail(below);
    auto stack = pipeline::Stack::on(*image, below->payloads);
    if (!stack)
        return fail(stack);
    if (!below->payloads.empty())
        options->stack = &*stack;
    auto pairs = pairs_of(vm["orig"].as<std::string>(), vm["patched"].as<std::string>(),
                          !below->payloads.empty());
    if (!pairs)
        return fail(pairs);
    options->jobs = offered_jobs();
    auto assembly = assemble(*pairs, stack->running(), std::move(*options),
                             [](const pipeline::Need&) { return fs::path(); });
    if (!assembly)
        return fail(assembly);
    append(findings, assembly->findings);
    const std::string output = vm["output"].as<std::string>();
    if (auto ok = write_file(output, assembly->payload.bytes); !ok)
        return ok;
    doc["output"] = output;
    doc.update(report::describe(*assembly));
    for (const std::string& line : report::explain(*assembly))
        out.detail(line);
    out.text(report::summary(*assembly, output));
    return {};
}

} // namespace

cli::Verb diff_verb() {
    cli::Verb v;
    v.name = "diff";
    v.arguments = "ORIG PATCHED --xen-syms FILE -o FILE";
    v.summary = "build a payload from two objects, or two trees of objects";
    v.options.add_options()("orig", po::value<std::string>()->required(),
                            "")("patched", po::value<std::string>()->required(), "")(
        "output,o", po::value<std::string>()->required()->value_name("FILE"), "output file");
    add_payload_options(v.options);
    add_below_option(v.options);
    v.positional = {"orig", "patched"};
    v.examples = "  xlp-build diff before/ after/ --xen-syms xen-syms -o fix.livepatch\n";
    v.run = run_diff;
    return cli::with_base(with_options_named(std::move(v)), {{"--xen-syms", "xen_syms"}});
}

} // namespace xlp::build
