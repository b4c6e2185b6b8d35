// SPDX-License-Identifier: GPL-2.0-only
// xlp-build matrix: every fix of a list on its base, and what a real hypervisor says.
#include "payload/base/json.h"
#include "payload/base/parallel.h"
#include "tools/common/cache.h"
#include "tools/common/interrupt.h"
#include "tools/common/process.h"
#include "tools/xlp-build/matrix/advisories.h"
#include "tools/xlp-build/matrix/recipes.h"
#include "tools/xlp-build/matrix/run.h"
#include "tools/xlp-build/matrix/stacks.h"
#include "tools/xlp-build/recipe/import.h"
#include "tools/xlp-build/verbs/verbs.h"

#include <algorithm>
#include <fmt/format.h>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>
#include <unistd.h>

namespace xlp::build {

namespace fs = std::filesystem;
namespace po = cli::po;
using cli::text;

namespace {

using Strings = std::vector<std::string>;

// "4.17=PATH" is for one branch, "PATH" for the others.
std::map<std::string, fs::path> by_branch(const po::variables_map& vm, const char* option) {
    std::map<std::string, fs::path> by_branch;
    if (!vm.count(option))
        return by_branch;
    for (const std::string& g : vm[option].as<Strings>()) {
        const std::size_t equals = g.find('=');
        by_branch[equals == g.npos ? "" : g.substr(0, equals)] =
            equals == g.npos ? g : g.substr(equals + 1);
    }
    return by_branch;
}

// The nested runs need xlp-qa: installed beside us, or in its folder of a build tree.
Result<fs::path> find_qa(const fs::path& ourselves) {
    for (const char* way : {"xlp-qa", "../xlp-qa/xlp-qa"})
        if (const fs::path p = (ourselves.parent_path() / way).lexically_normal();
            access(p.c_str(), X_OK) == 0)
            return p;
    return fail(environment("matrix.no-qa", "xlp-qa was not found next to xlp-build.",
                            "Build or install it, or omit --kernel to only build the payloads."));
}

Result<MatrixSettings> settings_of(const po::variables_map& vm, const cli::Output& out) {
    MatrixSettings s;
    s.output = text(vm, "output");
    s.cache =
        fs::absolute(vm.count("cache") ? fs::path(text(vm, "cache")) : cache::default_folder());
    s.config = by_branch(vm, "config");
    s.toolchain.cc = text(vm, "cc");
    s.toolchain.launcher = text(vm, "launcher");
    const unsigned jobs = vm["jobs"].as<unsigned>();
    s.toolchain.jobs = jobs ? Jobs(jobs) : offered_jobs();
    if (!s.toolchain.jobs.is_shared())
        s.toolchain.jobs = Jobs::to_share(s.toolchain.jobs.most());
    s.kernel = text(vm, "kernel");
    std::error_code error;
    s.xlp_build = fs::read_symlink("/proc/self/exe", error);
    s.xtf = text(vm, "xtf");
    s.xen_arguments = text(vm, "xen-args");
    if (!s.xtf.empty())
        if (auto ok = check_xtf(s.xtf); !ok)
            return fail(ok);
    if (!s.kernel.empty() || !s.xtf.empty() || vm.count("branches") || vm.count("prove")) {
        auto qa = find_qa(s.xlp_build);
        if (!qa)
            return fail(qa);
        s.xlp_qa = *qa;
    }
    s.progress = [&out, mutex = std::make_shared<std::mutex>()](const std::string& step) {
        std::scoped_lock lock(*mutex);
        out.progress(step);
    };
    fs::create_directories(s.output, error);
    if (error)
        return fail(environment(
            "file.unwritable", fmt::format("The directory cannot be created: {}.", error.message()),
            "Specify another one with -o.", {s.output.string(), {}, {}, 0}));
    return s;
}

// Recipes of advisories, one case for each base.
Result<std::vector<MatrixCase>> cases_on_bases(const po::variables_map& vm) {
    std::vector<AdvisoryRecipe> recipes;
    std::vector<Base> bases;
    Findings faults;
    for (const fs::path& file : recipe_files(vm["list"].as<Strings>())) {
        auto r = read_advisory(file);
        if (r)
            recipes.push_back(std::move(*r));
        else
            append(faults, std::move(r.error()));
    }
    append(faults, check_together(recipes));
    for (const std::string& name : vm["base"].as<Strings>()) {
        auto b = open_base(name);
        if (b)
            bases.push_back(std::move(*b));
        else
            append(faults, std::move(b.error()));
    }
    if (!faults.empty())
        return fail(std::move(faults));
    return advisory_cases(recipes, bases, vm.count("git") != 0, text(vm, "patches"));
}

Result<std::vector<MatrixCase>> cases_given(const po::variables_map& vm) {
    if (vm.count("base"))
        return cases_on_bases(vm);
    std::vector<MatrixCase> cases;
    Branches branches;
    if (vm.count("branches")) {
        auto read = read_branches(text(vm, "branches"), by_branch(vm, "xen"));
        if (!read)
            return fail(read);
        branches = std::move(*read);
    }
    for (const std::string& given : vm["list"].as<Strings>()) {
        if (fs::is_directory(given)) {
            auto one = read_recipe(given, branches);
            if (!one)
                return fail(one);
            cases.push_back(std::move(*one));
            continue;
        }
        auto more = read_cases(given);
        if (!more)
            return more;
        if (!vm.count("git"))
            return fail(bad_input("matrix.no-git",
                                  "The fixes in a list are commits in a clone of xen.git.",
                                  "Specify the clone with --git.", {given, {}, {}, 0}));
        cases.insert(cases.end(), more->begin(), more->end());
    }
    return cases;
}

Result<std::vector<MatrixCase>> cases_of(const po::variables_map& vm) {
    auto given = cases_given(vm);
    if (!given)
        return given;
    std::vector<MatrixCase> cases = std::move(*given);
    if (vm.count("only")) {
        const Strings only = vm["only"].as<Strings>();
        std::erase_if(cases, [&](const MatrixCase& c) {
            return std::none_of(only.begin(), only.end(), [&](const std::string& o) {
                return o == c.branch || o == c.name || o == c.id();
            });
        });
    }
    if (!vm.count("shard"))
        return cases;
    const auto shard = parse_shard(text(vm, "shard"));
    if (!shard)
        return fail(wrong_usage(
            fmt::format("--shard takes a part such as 1/3, not `{}'.", text(vm, "shard"))));
    return part_of(std::move(cases), *shard);
}

Stacks stacks_of(const po::variables_map& vm) {
    Stacks s;
    s.chain = vm.count("chain") != 0;
    s.cumulative = vm.count("cumulative") != 0;
    if (vm.count("published")) {
        const Strings given = vm["published"].as<Strings>();
        s.published.assign(given.begin(), given.end());
    }
    return s;
}

// One row for people, and a line for each test of it that ran.
std::string row_lines(const MatrixRow& r) {
    std::string text = fmt::format(
        "{:<6} {:<10} {:<12} {}", r.about.branch, r.about.name, r.verdict,
        r.verdict == "payload" ? fmt::format("{} functions, {} bytes{}{}", r.functions, r.size,
                                             r.nested.empty() ? "" : ", nested run ", r.nested)
                               : fmt::format("{}", fmt::join(r.codes, ", ")));
    for (const TestResult& t : r.xtf)
        if (t.ran())
            text += fmt::format("\n       {:<22} {}{}", t.test, t.proof,
                                t.before.end.empty()
                                    ? (t.why.empty() ? "" : ": " + t.why)
                                    : fmt::format(" (before {}, applied {}, after {})",
                                                  t.before.end, t.applied.end, t.reverted.end));
    return text;
}

// What the rows come to.
std::string total(const std::vector<MatrixRow>& rows) {
    auto count = [&](auto&& what) { return std::count_if(rows.begin(), rows.end(), what); };
    std::vector<TestResult> tests;
    for (const MatrixRow& r : rows)
        tests.insert(tests.end(), r.xtf.begin(), r.xtf.end());
    const std::string proofs = count_proofs(tests);
    return fmt::format(
        "{} fixes: {} payloads ({} proven in a real hypervisor), {} refused, {} failed{}{}",
        rows.size(), count([](const MatrixRow& r) { return r.verdict == "payload"; }),
        count([](const MatrixRow& r) { return r.nested == "passed"; }),
        count([](const MatrixRow& r) { return r.verdict == "refused"; }),
        count([](const MatrixRow& r) { return !r.good(); }),
        proofs.empty() ? "" : "; tests of XTF: ", proofs);
}

// The results of several folders as one: their tables, and what is beside them.
Result<void> merge(const Strings& folders, const fs::path& output, const cli::Output& out) {
    std::vector<fs::path> from(folders.begin(), folders.end());
    auto rows = merge_tables(from);
    if (!rows)
        return fail(rows);
    std::error_code error;
    fs::create_directories(output, error);
    for (const fs::path& folder : from)
        for (const MatrixRow& r : *rows)
            if (fs::is_directory(folder / r.about.id(), error)) {
                fs::create_directories((output / r.about.id()).parent_path(), error);
                fs::copy(folder / r.about.id(), output / r.about.id(),
                         fs::copy_options::recursive | fs::copy_options::overwrite_existing, error);
                if (error)
                    return fail(environment("file.unwritable", error.message() + ".",
                                            "Check the free space.",
                                            {(output / r.about.id()).string(), {}, {}, 0}));
            }
    out.text(total(*rows));
    return write_tables(output, std::move(*rows));
}

Result<void> run_matrix(const po::variables_map& vm, const cli::Output& out, Json& doc,
                        Findings& findings) {
    InterruptGuard guard;
    if (Strings given = vm["list"].as<Strings>(); given.front() == "merge") {
        given.erase(given.begin());
        return merge(given, text(vm, "output"), out);
    }
    if (vm.count("shard") && (vm.count("chain") || vm.count("cumulative")))
        return fail(wrong_usage("--chain and --cumulative need all payloads of a base, but a shard "
                                "builds only some of them.",
                                "Merge the shards, then run the matrix again on the merged "
                                "directory: existing results are reused."));
    auto cases = cases_of(vm);
    if (!cases)
        return fail(cases);
    auto settings = settings_of(vm, out);
    if (!settings)
        return fail(settings);
    const Clone clone(text(vm, "git"), guard.token());
    std::vector<std::optional<MatrixRow>> done(cases->size());
    Result<void> worked;
    for (const std::vector<std::size_t>& round : rounds(*cases))
        if (worked)
            worked = for_each(round.size(), settings->toolchain.jobs, guard.token(),
                              [&](std::size_t i) -> Result<void> {
                                  auto row =
                                      run_case((*cases)[round[i]], clone, *settings, guard.token());
                                  if (!row)
                                      return fail(row);
                                  done[round[i]] = std::move(*row);
                                  return {};
                              });
    std::vector<MatrixRow> rows;
    for (std::optional<MatrixRow>& r : done)
        if (r)
            rows.push_back(std::move(*r));
    if (worked)
        worked = run_stacks(rows, stacks_of(vm), clone, *settings, guard.token());
    out.progress_end();
    // an interrupted run leaves the table of what it got to
    if (auto ok = write_tables(settings->output, rows); !ok)
        return ok;
    if (!worked)
        return worked;
    doc["rows"] = Json::array();
    for (const MatrixRow& r : rows) {
        doc["rows"].push_back(to_json(r));
        out.text(row_lines(r));
        if (!r.good())
            findings.push_back(
                refusal("matrix.failed",
                        fmt::format("{}: {}{} {}", r.about.id(), r.verdict,
                                    r.nested.empty() ? "." : ", " + r.nested + ".", r.why),
                        "See the files in its directory.",
                        {(settings->output / r.about.id()).string(), {}, {}, 0}));
    }
    out.text(total(rows));
    return {};
}

} // namespace

cli::Verb matrix_verb() {
    cli::Verb v;
    v.name = "matrix";
    v.arguments = "RECIPE|LIST... -o DIR [--base NAME...] [--branches FILE] [--git DIR]";
    v.summary = "build and test every recipe, or every fix of a list on its base";
    v.positional = {"list..."};
    const auto list = [] { return po::value<Strings>(); };
    const auto one = [] { return po::value<std::string>(); };
    v.options.add_options()("list", list()->required(), "")(
        "branches", one()->value_name("FILE"),
        "for recipes: the list of branches and their files (ci/branches.json)")(
        "xen", list()->value_name("[BRANCH=]DIR"),
        "directory with a branch's files, such as scripts/fetch-xen creates (default: next to the "
        "list of branches; repeatable)")("git", one()->value_name("DIR"),
                                         "for lists: a clone of xen.git; never modified")(
        "output,o", one()->required()->value_name("DIR"),
        "results: index.html, junit.xml, atlas.md, table.{json,csv,md}, and a directory for each "
        "fix. "
        "Results with the same inputs are reused")(
        "base", list()->value_name("NAME|DIR"),
        "for advisory recipes (xsa-NNN.json, or a directory of them): a base to build each for "
        "(repeatable)")("patches", one()->value_name("DIR"),
                        "directory of the patches as published, instead of --git; checked by hash")(
        "chain", "also build each payload on top of those before it, in the order given")(
        "cumulative",
        "also build one payload with all fixes for a base, which supersedes the others")(
        "published", list()->value_name("DIR|PAYLOAD"),
        "earlier payloads that the cumulative one also supersedes (repeatable)")(
        "prove", "with --base: test each payload with xlp-qa if the base has a kernel")(
        "xtf", one()->value_name("DIR"),
        "a built XTF: xlp-qa also runs the tests that a recipe names, before, with and after the "
        "payload")("xen-args", one()->value_name("TEXT"),
                   "added to the hypervisor's command line in nested runs: hvm_fep")(
        "shard", one()->value_name("I/N"),
        "do only the I-th of N parts; `matrix merge DIR... -o DIR' combines them")(
        "launcher", one()->default_value("")->value_name("CMD"),
        "prefix for each compiler command: ccache")(
        "kernel", one()->value_name("FILE"),
        "dom0 kernel; if given, xlp-qa tests each payload (a branch's files may include one)")(
        "config", list()->value_name("[BRANCH=]FILE"),
        "the hypervisor's configuration (default: Xen's own, with live patching; repeatable)")(
        "only", list()->value_name("NAME"),
        "only this branch, fix (xsa480), or both (4.17/xsa480)")(
        "cc", one()->default_value("gcc")->value_name("CC"), "the compiler")(
        "jobs,j", po::value<unsigned>()->default_value(0)->value_name("N"),
        "number of parallel jobs over all fixes: compilations and nested runs (default: one per "
        "CPU)")("cache", one()->value_name("DIR"), "default: ~/.cache/xlp");
    v.examples =
        "  xlp-build matrix xen-patches/recipes --base debian-12 --git xen.git --shard 1/2 -o a\n"
        "  xlp-build matrix xen-patches/recipes --base debian-12 --patches xsas --cumulative -o a\n"
        "  xlp-build matrix merge a b -o results\n"
        "  xlp-build matrix xen-patches/examples/* --branches ci/branches.json \\\n"
        "      --xen debian-4.17=$HOME/.cache/xlp/debian-xen-4.17 -o results\n"
        "  xlp-build matrix xsas.csv --git xen.git --kernel boot/vmlinuz-6.1.0-amd64 \\\n"
        "      --config 4.17=debian-4.17.config -o results\n";
    v.run = run_matrix;
    return v;
}

} // namespace xlp::build
