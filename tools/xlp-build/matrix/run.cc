// SPDX-License-Identifier: GPL-2.0-only
// Each payload is built, and each nested run made, by a process of its own: a fault of ours in one
// case is then a row of the table, and not the end of the run.
#include "tools/xlp-build/matrix/before.h"
#include "tools/xlp-build/matrix/inputs.h"

#include "payload/base/file.h"
#include "payload/base/jobs.h"
#include "payload/base/json.h"
#include "payload/base/parallel.h"
#include "tools/common/process.h"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

namespace xlp::build {

namespace fs = std::filesystem;

namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

Json parse(const std::string& text) {
    Json document = Json::parse(text, nullptr, false);
    return document.is_object() ? document : Json::object();
}

std::vector<std::string> strings(const std::vector<fs::path>& paths) {
    return {paths.begin(), paths.end()};
}

void set_failure(MatrixRow& row, const std::string& verdict, const Findings& findings) {
    row.verdict = verdict;
    for (const Finding& f : findings)
        if (std::find(row.codes.begin(), row.codes.end(), f.code) == row.codes.end())
            row.codes.push_back(f.code);
    row.why = findings.front().why;
}

void read_payload_document(MatrixRow& row, const Json& document, int status) {
    bool lesser = true; // that a part runs at boot is the lesser reason: a hook may do that part
    for (const Json& f : document.value("findings", Json::array())) {
        const std::string code = f.value("code", "");
        if (f.value("severity", "") != "error")
            continue;
        if (row.codes.empty() || (lesser && !code.starts_with("init."))) {
            row.why = f.value("why", "");
            lesser = code.starts_with("init.");
        }
        if (std::find(row.codes.begin(), row.codes.end(), code) == row.codes.end())
            row.codes.push_back(code);
    }
    for (const Json& i : document.value("contents", Json::array()))
        row.functions += i.value("role", "") == "replacement";
    row.size = document.value("size", std::uint64_t{0});
    row.verdict = status == 0   ? "payload"
                  : status == 1 ? "refused"
                                : fmt::format("exit code {}", status);
    const std::string first = status != 0 && !row.codes.empty() ? row.codes.front() : "";
    // commits of the branch that do not compile need others, which this base lacks
    if (first == "patch.does-not-apply"
        || (first == "patch.does-not-compile" && !row.about.commits.empty()))
        row.verdict = "does not apply";
    if (first == "patch.already-applied")
        row.verdict = "fixed";
}

std::string nested_verdict(const Json& document, int status) {
    if (status == 0)
        return "passed";
    for (const Json& s : document.value("steps", Json::array()))
        if (const std::string v = s.value("verdict", ""); v == "failed" || v == "died")
            return fmt::format("failed at {}", s.value("name", ""));
    const std::vector<TestResult> tests = test_results(document);
    if (const TestResult* open = open_test(tests))
        return fmt::format("failed: XTF test {} still finds the vulnerability", open->test);
    return fmt::format("failed with exit code {}", status);
}

// Runs one of our programs with --json; its document and its stderr are kept beside each other.
Result<std::pair<Json, int>> run_tool(std::vector<std::string> argv, const fs::path& document,
                                      const Jobs& jobs, const std::stop_token& stop) {
    Command c;
    share(c, jobs);
    c.argv = std::move(argv);
    c.argv.push_back("--json");
    auto outcome = run_command(c, stop);
    if (!outcome)
        return fail(outcome);
    for (const auto& [path, text] : {std::pair{document, &outcome->out},
                                     {fs::path(document).replace_extension(".err"), &outcome->err}})
        if (auto ok = write_file(path, *text); !ok)
            return fail(ok);
    return std::pair{parse(outcome->out), outcome->status};
}

Result<void> build(MatrixRow& row, const CaseInputs& p, const fs::path& payload,
                   const MatrixSettings& settings, const std::stop_token& stop) {
    std::vector<std::string> argv = {settings.xlp_build.string(),
                                     "payload",
                                     "--source",
                                     p.base.source.string(),
                                     "--config",
                                     p.base.config.string(),
                                     "--xen-syms",
                                     p.base.xen_syms.string(),
                                     "--cc",
                                     p.base.cc.empty() ? settings.toolchain.cc : p.base.cc,
                                     "--cache",
                                     settings.cache.string(),
                                     "--name",
                                     row.about.name,
                                     "-o",
                                     payload.string()};
    for (const fs::path& patch : p.patches)
        argv.insert(argv.end(), {"--patch", patch.string()});
    for (const std::string& variable : p.base.make)
        argv.insert(argv.end(), {"--make", variable});
    if (!settings.toolchain.launcher.empty())
        argv.insert(argv.end(), {"--launcher", settings.toolchain.launcher});
    if (const auto& recipe = row.about.recipe) {
        argv.insert(argv.end(), recipe->words.begin(), recipe->words.end());
        for (const PayloadBelow& b : recipe->below)
            argv.insert(argv.end(), {"--below", fmt::format("{}={}", b.payload.string(),
                                                            fmt::join(strings(b.patches), ","))});
    }
    const auto start = std::chrono::steady_clock::now();
    auto built = run_tool(std::move(argv), payload.parent_path() / "payload.json",
                          settings.toolchain.jobs, stop);
    if (!built)
        return fail(built);
    row.build_seconds = seconds_since(start);
    read_payload_document(row, built->first, built->second);
    return {};
}

struct TestSplit {
    std::vector<std::string> there, missing;
};

// A recipe may name a test that the user's XTF is too old to have: that is no reason to try
// nothing.
TestSplit split_tests(const std::vector<std::string>& tests, const fs::path& tree) {
    TestSplit split;
    if (!tree.empty())
        for (const std::string& test : tests)
            (has_test(tree, test) ? split.there : split.missing).push_back(test);
    return split;
}

Result<void> take_tests(MatrixRow& row, const TestSplit& tests, const Json& nested,
                        const fs::path& folder) {
    row.xtf = test_results(nested);
    if (row.xtf.empty())
        row.xtf = without_run(tests.there, "not run", "The nested run gave no result.");
    for (TestResult& t : without_run(tests.missing, "missing", "This XTF has no such test."))
        row.xtf.push_back(std::move(t));
    return tests.there.empty() ? Result<void>{}
                               : write_file(folder / "xtf.log", test_record(nested));
}

// Why the tests of a fix were not run.
std::string why_no_tests(const MatrixRow& row, const MatrixSettings& settings) {
    return settings.xtf.empty()       ? "No XTF was given."
           : row.verdict != "payload" ? "There is no payload."
                                      : "There is no hypervisor with a kernel to run it on.";
}

Result<void> prove(MatrixRow& row, const CaseInputs& p, const fs::path& payload,
                   const MatrixSettings& settings, const std::stop_token& stop) {
    const fs::path serial = payload.parent_path() / "serial.log";
    std::vector<std::string> argv = {settings.xlp_qa.string(), "run"};
    if (row.about.recipe)
        for (const PayloadBelow& b : row.about.recipe->below)
            argv.push_back(b.payload.string());
    argv.insert(argv.end(),
                {payload.string(), "--xen", p.base.xen.string(), "--xen-syms",
                 p.base.xen_syms.string(), "--kernel", p.base.kernel.string(), "--cache",
                 (settings.cache / "qa").string(), "--serial", serial.string()});
    if (!p.probe.empty())
        argv.insert(argv.end(), {"--probe", p.probe.string()});
    const auto& recipe = row.about.recipe;
    if (recipe)
        argv.insert(argv.end(), {"--cycles", std::to_string(recipe->cycles), "--cpus",
                                 std::to_string(recipe->cpus)});
    if (!settings.xen_arguments.empty())
        argv.insert(argv.end(), {"--xen-args", settings.xen_arguments});
    const TestSplit tests = split_tests(row.about.xtf, settings.xtf);
    if (!tests.there.empty())
        argv.insert(argv.end(), {"--xtf", settings.xtf.string()});
    for (const std::string& test : tests.there)
        argv.insert(argv.end(), {"--test", test});
    const auto start = std::chrono::steady_clock::now();
    auto tried = run_tool(std::move(argv), payload.parent_path() / "nested.json", Jobs(), stop);
    if (!tried)
        return fail(tried);
    row.nested_seconds = seconds_since(start);
    row.nested = nested_verdict(tried->first, tried->second);
    if (auto ok = take_tests(row, tests, tried->first, payload.parent_path()); !ok)
        return ok;
    if (recipe && !recipe->log.empty() && row.nested == "passed")
        if (auto text = read_text(serial); !text || text->find(recipe->log) == text->npos)
            row.nested = fmt::format("failed: no log line matches {}", recipe->log);
    return {};
}

// What an earlier run made of the same inputs.
std::optional<MatrixRow> earlier_row(const fs::path& file, const MatrixRow& now,
                                     const std::string& key) {
    auto text = read_text(file);
    if (!text)
        return std::nullopt;
    const Json j = parse(*text);
    if (j.value("inputs", "") != key)
        return std::nullopt;
    MatrixRow row = row_from_json(j);
    row.about = now.about;
    row.patches = now.patches;
    row.payload = now.payload;
    row.build_seconds = j.value("build_seconds", 0.0);
    row.nested_seconds = j.value("nested_seconds", 0.0);
    return row;
}

bool was_interrupted(const Findings& findings) {
    return std::any_of(findings.begin(), findings.end(),
                       [](const Finding& f) { return f.code == interrupted().code; });
}

} // namespace

Result<MatrixRow> run_case(const MatrixCase& c, const Clone& clone, const MatrixSettings& settings,
                           const std::stop_token& stop) {
    MatrixRow row;
    row.about = c;
    if (!c.decided.empty()) {
        row.verdict = c.decided;
        row.why = c.why;
        return row;
    }
    const fs::path folder = settings.output / c.branch / c.name;
    std::error_code error;
    fs::create_directories(folder, error);
    auto p = prepare_inputs(c, clone, settings, folder, stop);
    if (!p) {
        if (was_interrupted(p.error()))
            return fail(p);
        set_failure(row, "no base", p.error());
        return row;
    }
    row.patches = p->patches;
    row.payload = folder / (c.name + ".livepatch");
    // what failed may have lacked a tool, memory or time
    if (auto earlier = earlier_row(folder / "row.json", row, p->key); earlier && earlier->good())
        return *earlier;
    settings.progress(c.id());
    row.base = p->revision;
    const fs::path& payload = row.payload;
    fs::remove(payload, error);
    if (auto ok = build(row, *p, payload, settings, stop); !ok)
        return fail(ok);
    if (row.verdict == "does not apply") {
        auto has = has_already(p->base.source, p->patches, stop);
        if (!has)
            return fail(has);
        if (*has) {
            row.verdict = "fixed";
            row.codes.clear();
            row.why = "The source of this base already has the fix: the patch reverse-applies.";
        }
    }
    const bool can_try =
        !settings.xlp_qa.empty() && !p->base.xen.empty() && !p->base.kernel.empty();
    if (row.verdict == "payload" && can_try)
        if (auto ok = prove(row, *p, payload, settings, stop); !ok)
            return fail(ok);
    if (row.xtf.empty())
        row.xtf = without_run(c.xtf, "not run", why_no_tests(row, settings));
    Json j = to_json(row);
    j["inputs"] = p->key;
    j["build_seconds"] = row.build_seconds;
    j["nested_seconds"] = row.nested_seconds;
    if (auto ok = write_file(folder / "row.json", j.dump(2) + "\n"); !ok)
        return fail(ok);
    return row;
}

} // namespace xlp::build
