// SPDX-License-Identifier: GPL-2.0-only
// Holds the loader's model against a real hypervisor under QEMU. Exit codes as all tools: 1 where
// they differ.
#include "payload/base/json.h"
#include "tests/nested/differential/run.h"
#include "tools/common/cli.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace xlp::differential {

namespace {

namespace po = cli::po;

std::string text(const po::variables_map& vm, const char* name) {
    return vm.count(name) ? vm[name].as<std::string>() : std::string();
}

Result<qa::Testbed> testbed(const po::variables_map& vm) {
    qa::Assets assets;
    assets.xen = text(vm, "xen");
    assets.xen_syms = text(vm, "xen-syms");
    assets.kernel = text(vm, "kernel");
    assets.modules = text(vm, "modules");
    assets.xlp = text(vm, "uploader");
    if (vm.count("busybox"))
        assets.busybox = text(vm, "busybox");
    qa::Settings settings;
    settings.cache = text(vm, "cache");
    return qa::Testbed::prepare(assets, settings);
}

void list(const std::vector<Tried>& tried, const cli::Output& out) {
    for (const Tried& t : tried)
        out.text(fmt::format("{:<60} {:<9} {:<10} {}", t.test->name,
                             name_of(t.predicted.upload.outcome),
                             load::errno_text(t.predicted.upload.error),
                             t.predicted.applied ? name_of(t.predicted.apply.outcome) : "-"));
}

void report(const std::vector<Comparison>& all, const cli::Output& out, Json& doc,
            Findings& findings) {
    std::size_t same = 0, died = 0, refused = 0, accepted = 0, applied = 0;
    Json& differences = doc["differences"] = Json::array();
    for (const Comparison& c : all) {
        if (c.difference.empty()) {
            ++same;
            died += c.seen.died;
            accepted += !c.seen.died && c.seen.upload == 0;
            refused += !c.seen.died && c.seen.upload != 0;
            applied += c.tried->predicted.applied && c.seen.apply == 0;
            continue;
        }
        const std::string& name = c.tried->test->name;
        for (const std::string& line : c.seen.log)
            out.detail("    (XEN) " + line);
        differences.push_back({{"case", name}, {"difference", c.difference}, {"log", c.seen.log}});
        findings.push_back(refusal("differential.differs", c.difference, {}, {name, {}, {}, 0}));
    }
    out.text(fmt::format("{} cases, {} as predicted: {} refused, {} accepted, {} of them applied, "
                         "{} died",
                         all.size(), same, refused, accepted, applied, died));
    doc["cases"] = all.size();
    doc["as_predicted"] = same;
}

Result<void> run_all(const po::variables_map& vm, const cli::Output& out, Json& doc,
                     Findings& findings) {
    auto image = xen::Image::read(text(vm, "xen-syms"));
    if (!image)
        return fail(image);
    auto target = target_of(*image);
    if (!target)
        return fail(target);
    const Cases cases = all_cases(*target, vm["seed"].as<unsigned>(), vm["random"].as<unsigned>());
    const std::vector<Tried> tried =
        predicted(cases, *image, vm.count("reduced"), text(vm, "match"));
    if (vm.count("list")) {
        list(tried, out);
        return {};
    }
    auto bed = testbed(vm);
    if (!bed)
        return fail(bed);
    auto all = compare(*bed, tried, vm["jobs"].as<unsigned>());
    if (!all)
        return fail(all);
    report(*all, out, doc, findings);
    return {};
}

cli::Verb run_verb() {
    po::options_description o("Options");
    const auto word = [] { return po::value<std::string>(); };
    o.add_options()("xen", word()->default_value(""), "hypervisor")("xen-syms", word()->required(),
                                                                    "its symbols")(
        "kernel", word()->default_value(""), "dom0's kernel")("modules", word(), "its modules")(
        "uploader", word()->default_value(""), "xen-livepatch, or xlp, to run in dom0")(
        "busybox", word(), "static busybox")("cache", word(), "folder")(
        "match", word(), "only cases with this in their name")("reduced", "the small set")(
        "seed", po::value<unsigned>()->default_value(1), "of the random cases")(
        "random", po::value<unsigned>()->default_value(100),
        "number of random cases")("jobs,j", po::value<unsigned>()->default_value(1),
                                  "machines at a time")("list", "only print the predictions");
    return {
        "run",  "--xen FILE --xen-syms FILE --kernel FILE --uploader FILE", "compare", o, {}, {},
        run_all};
}

} // namespace

} // namespace xlp::differential

int main(int argc, char** argv) {
    return xlp::cli::run({"differential",
                          "hold the loader's model against a real hypervisor",
                          {xlp::differential::run_verb()}},
                         argc, argv);
}
