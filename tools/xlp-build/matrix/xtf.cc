// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-build/matrix/xtf.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

namespace xlp::build {

namespace fs = std::filesystem;

namespace {

constexpr const char* test_states[] = {"before", "applied", "reverted"};

fs::path test_folder(const fs::path& tree, const std::string& test) {
    return tree / "tests" / test.substr(0, test.find_first_of("~:"));
}

TestEnd end_from_json(const Json& j, const char* state) {
    auto it = j.find(state);
    if (it == j.end() || !it->is_object())
        return {};
    return {it->value("end", ""), it->value("why", "")};
}

Json end_to_json(const TestEnd& e) {
    return {{"end", e.end}, {"why", e.why}};
}

} // namespace

Result<void> check_xtf(const fs::path& tree) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(tree / "tests", error))
        if (fs::exists(entry.path() / "info.json", error))
            return {};
    return fail(bad_input("matrix.no-xtf", "This is not a built XTF tree.",
                          "Use an XTF tree in which make has run.", {tree.string(), {}, {}, 0}));
}

bool has_test(const fs::path& tree, const std::string& test) {
    std::error_code error;
    return fs::exists(test_folder(tree, test) / "info.json", error);
}

std::vector<fs::path> test_files(const fs::path& tree, const std::vector<std::string>& tests) {
    std::vector<fs::path> files;
    std::error_code error;
    for (const std::string& test : tests)
        for (const auto& entry : fs::directory_iterator(test_folder(tree, test), error)) {
            const std::string name = entry.path().filename();
            if (name == "info.json" || name.starts_with("test-"))
                files.push_back(entry.path());
        }
    std::sort(files.begin(), files.end());
    return files;
}

std::vector<TestResult> without_run(const std::vector<std::string>& tests, const std::string& proof,
                                    const std::string& why) {
    std::vector<TestResult> results;
    results.reserve(tests.size());
    for (const std::string& test : tests)
        results.push_back({test, proof, why, {}, {}, {}});
    return results;
}

std::vector<TestResult> test_results(const Json& nested) {
    std::vector<TestResult> results;
    for (const Json& j : nested.value("xtf", Json::array()))
        results.push_back(test_from_json(j));
    return results;
}

std::string test_record(const Json& nested) {
    std::string text;
    for (const Json& j : nested.value("xtf", Json::array())) {
        const TestResult r = test_from_json(j);
        if (r.before.end.empty()) {
            text += fmt::format("=== {}: {}: {}\n", r.test, r.proof, r.why);
            continue;
        }
        for (const char* state : test_states) {
            text += fmt::format("=== {} {}: {}\n", r.test, state,
                                words_of_end(end_from_json(j, state)));
            const Json seen = j.value(state, Json::object());
            std::istringstream console(seen.value("console", ""));
            for (std::string line; std::getline(console, line);)
                text += line + "\n";
            for (const std::string& line : seen.value("log", std::vector<std::string>()))
                text += "(XEN) " + line + "\n";
        }
    }
    return text;
}

const TestResult* open_test(const std::vector<TestResult>& results) {
    auto it = std::find_if(results.begin(), results.end(),
                           [](const TestResult& r) { return r.proof == "open"; });
    return it == results.end() ? nullptr : &*it;
}

std::string count_proofs(const std::vector<TestResult>& results) {
    std::map<std::string, unsigned> count;
    for (const TestResult& r : results)
        if (r.ran())
            ++count[r.proof];
    std::string text;
    for (const auto& [proof, n] : count)
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", n, proof);
    return text;
}

std::string words_of_end(const TestEnd& e) {
    return e.why.empty() ? e.end : e.end + ": " + e.why;
}

Json to_json(const TestResult& r) {
    Json j = {{"test", r.test}, {"proof", r.proof}, {"why", r.why}};
    if (!r.before.end.empty())
        j.update({{"before", end_to_json(r.before)},
                  {"applied", end_to_json(r.applied)},
                  {"reverted", end_to_json(r.reverted)}});
    return j;
}

TestResult test_from_json(const Json& j) {
    TestResult r = {j.value("test", ""), j.value("proof", ""), j.value("why", ""), {}, {}, {}};
    if (r.proof == "not testable") // then its ends are none
        return r;
    r.before = end_from_json(j, "before");
    r.applied = end_from_json(j, "applied");
    r.reverted = end_from_json(j, "reverted");
    return r;
}

} // namespace xlp::build
