// SPDX-License-Identifier: GPL-2.0-only
// Holds the loader's model against a real hypervisor under QEMU. Exit codes as all tools: 1 where
// they differ.
#include "tests/nested/differential/run.h"
#include "tools/common/cli.h"

#include <atomic>
#include <fmt/format.h>
#include <thread>

namespace xlp::differential {

namespace {

namespace po = cli::po;

constexpr std::size_t cases_per_machine = 25;

Result<sample::Target> target_of(const xen::Image& image) {
    sample::Target t{image.build_id(), "xen_extra_version", 0, "xen_changeset", 0};
    for (auto [name, size] :
         {std::pair{&t.function, &t.function_size}, {&t.second, &t.second_size}}) {
        const auto found = image.find(*name);
        if (found.size() != 1 || found[0]->size < 9)
            return fail(bad_input("differential.target",
                                  fmt::format("The hypervisor has no usable {}.", *name)));
        *size = static_cast<std::uint32_t>(found[0]->size);
    }
    return t;
}

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

std::vector<Tried> choose(const Cases& cases, const xen::Image& image,
                          const po::variables_map& vm) {
    const std::string match = text(vm, "match");
    std::vector<Tried> chosen;
    for (const Case& c : cases.all()) {
        if ((vm.count("reduced") && !c.reduced) || c.name.find(match) == c.name.npos)
            continue;
        Tried t{&c, fmt::format("case{}", chosen.size()), {}};
        t.predicted = predict(c, cases.target(), image, t.name);
        chosen.push_back(std::move(t));
    }
    return chosen;
}

// Those that shall die each alone, the others by the dozen.
std::vector<std::vector<const Tried*>> share_out(const std::vector<Tried>& tried) {
    std::vector<std::vector<const Tried*>> machines;
    std::vector<const Tried*> open;
    for (const Tried& t : tried) {
        if (t.predicted.fatal()) {
            machines.push_back({&t});
            continue;
        }
        open.push_back(&t);
        if (open.size() == cases_per_machine)
            machines.push_back(std::exchange(open, {}));
    }
    if (!open.empty())
        machines.push_back(std::move(open));
    return machines;
}

struct Tally {
    std::size_t same = 0, died = 0, refused = 0, accepted = 0, applied = 0;
};

void count(const Tried& t, const Observed& o, Tally& tally) {
    ++tally.same;
    tally.died += o.died;
    tally.accepted += !o.died && o.upload == 0;
    tally.refused += !o.died && o.upload != 0;
    tally.applied += t.predicted.applied && o.apply == 0;
}

Result<void> run_all(const po::variables_map& vm, const cli::Output& out, cli::Json& doc,
                     Findings& findings) {
    auto image = xen::Image::read(text(vm, "xen-syms"));
    if (!image)
        return tl::unexpected(std::move(image.error()));
    auto target = target_of(*image);
    if (!target)
        return tl::unexpected(std::move(target.error()));
    Cases cases(*target);
    for (auto add : {add_header_cases, add_section_cases, add_symbol_cases, add_relocation_cases,
                     add_note_cases, add_record_cases, add_table_cases})
        add(cases);
    add_random_cases(cases, vm["seed"].as<unsigned>(), vm["random"].as<unsigned>());
    const std::vector<Tried> tried = choose(cases, *image, vm);
    if (vm.count("list")) {
        for (const Tried& t : tried)
            out.text(fmt::format("{:<60} {:<9} {:<8} {}", t.test->name,
                                 name_of(t.predicted.upload.outcome),
                                 load::errno_text(t.predicted.upload.error),
                                 t.predicted.applied ? name_of(t.predicted.apply.outcome) : "-"));
        return {};
    }
    auto bed = testbed(vm);
    if (!bed)
        return tl::unexpected(std::move(bed.error()));

    const auto machines = share_out(tried);
    std::vector<std::optional<Result<std::vector<Observed>>>> seen(machines.size());
    std::atomic<std::size_t> next = 0;
    std::atomic<bool> stop = false;
    {
        std::vector<std::jthread> workers(vm["jobs"].as<unsigned>());
        for (std::jthread& w : workers)
            w = std::jthread([&] {
                for (std::size_t i; !stop && (i = next++) < machines.size();) {
                    seen[i] = run(*bed, machines[i]);
                    stop = stop || !*seen[i];
                }
            });
    }
    Tally tally;
    cli::Json& differences = doc["differences"] = cli::Json::array();
    for (std::size_t m = 0; m < machines.size(); ++m) {
        if (!seen[m])
            continue;
        if (!*seen[m])
            return tl::unexpected(std::move(seen[m]->error()));
        for (std::size_t i = 0; i < machines[m].size(); ++i) {
            const Tried& t = *machines[m][i];
            const Observed& o = (**seen[m])[i];
            const std::string d = difference(t, o);
            if (d.empty()) {
                count(t, o, tally);
                continue;
            }
            out.text(fmt::format("{}: {}", t.test->name, d));
            for (const std::string& line : o.log)
                out.detail("    (XEN) " + line);
            differences.push_back({{"case", t.test->name}, {"difference", d}, {"log", o.log}});
            findings.push_back(refusal("differential.differs", d, {}, {t.test->name, {}, {}, 0}));
        }
    }
    out.text(fmt::format("{} cases, {} as predicted: {} refused, {} accepted, {} of them applied, "
                         "{} died",
                         tried.size(), tally.same, tally.refused, tally.accepted, tally.applied,
                         tally.died));
    doc["cases"] = tried.size();
    doc["as_predicted"] = tally.same;
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
