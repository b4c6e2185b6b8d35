// SPDX-License-Identifier: GPL-2.0-only
// A matrix's rows for programs (JSON, CSV) and for people (Markdown).
#include "payload/base/file.h"
#include "payload/base/json.h"
#include "tools/xlp-build/matrix/run.h"
#include "tools/xlp-build/source/tree.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <map>
#include <nlohmann/json.hpp>

namespace xlp::build {

namespace fs = std::filesystem;

namespace {

// "xsa-454:hvm64 closed, xsa-454:pv64 skipped"; what was not run is left out.
std::string each_test(const MatrixRow& r, const char* between, const char* is) {
    std::string text;
    for (const TestResult& t : r.xtf)
        if (t.ran())
            text += fmt::format("{}{}{}{}", text.empty() ? "" : between, t.test, is, t.proof);
    return text;
}

std::string csv(const std::vector<MatrixRow>& rows) {
    std::string text = "branch,name,base,verdict,codes,functions,size,nested,xtf\n";
    for (const MatrixRow& r : rows)
        text += fmt::format("{},{},{},{},{},{},{},{},{}\n", r.about.branch, r.about.name, r.base,
                            r.verdict, fmt::join(r.codes, " "), r.functions, r.size, r.nested,
                            each_test(r, ";", "="));
    return text;
}

std::string times(const std::vector<MatrixRow>& rows) {
    std::string text = "branch,name,build_seconds,nested_seconds\n";
    for (const MatrixRow& r : rows)
        text += fmt::format("{},{},{:.1f},{:.1f}\n", r.about.branch, r.about.name, r.build_seconds,
                            r.nested_seconds);
    return text;
}

std::string markdown(const std::vector<MatrixRow>& rows) {
    std::string text = "| branch | fix | base | verdict | functions | bytes | nested | XTF |\n"
                       "|---|---|---|---|---|---|---|---|\n";
    for (const MatrixRow& r : rows) {
        const std::string verdict =
            r.codes.empty() ? r.verdict
                            : fmt::format("{}: `{}`", r.verdict, fmt::join(r.codes, "`, `"));
        text +=
            fmt::format("| {} | {} | {} | {} | {} | {} | {} | {} |\n", r.about.branch, r.about.name,
                        r.base, verdict, r.functions ? std::to_string(r.functions) : "",
                        r.size ? std::to_string(r.size) : "", r.nested, each_test(r, ", ", " "));
    }
    return text;
}

} // namespace

Json to_json(const MatrixRow& r) {
    Json tests = Json::array();
    for (const TestResult& t : r.xtf)
        tests.push_back(to_json(t));
    return {{"branch", r.about.branch},
            {"name", r.about.name},
            {"base", r.base},
            {"commits", r.about.commits},
            {"verdict", r.verdict},
            {"codes", r.codes},
            {"why", r.why},
            {"known", r.about.known},
            {"title", r.about.title},
            {"functions", r.functions},
            {"size", r.size},
            {"nested", r.nested},
            {"xtf", std::move(tests)}};
}

MatrixRow row_from_json(const Json& j) {
    MatrixRow row;
    row.about.branch = j.value("branch", "");
    row.about.name = j.value("name", "");
    row.about.commits = j.value("commits", std::vector<std::string>());
    row.base = j.value("base", "");
    row.verdict = j.value("verdict", "");
    row.codes = j.value("codes", std::vector<std::string>());
    row.why = j.value("why", "");
    row.about.known = j.value("known", std::vector<std::string>());
    row.about.title = j.value("title", "");
    row.functions = j.value("functions", 0U);
    row.size = j.value("size", std::uint64_t{0});
    row.nested = j.value("nested", "");
    for (const Json& t : j.value("xtf", Json::array()))
        row.xtf.push_back(test_from_json(t));
    return row;
}

bool MatrixRow::good() const {
    if (verdict == "payload")
        return !nested.starts_with("failed");
    for (const char* known :
         {"refused", "fixed", "not affected", "nothing known", "does not apply"})
        if (verdict == known)
            return true;
    return false;
}

Result<std::vector<MatrixRow>> merge_tables(const std::vector<fs::path>& folders) {
    std::map<std::string, Json> cells;
    Findings faults;
    auto fault = [&](const fs::path& file, std::string why) {
        faults.push_back(bad_input("matrix.merge", std::move(why),
                                   "Merge directories that `xlp-build matrix --shard' wrote.",
                                   {file.string(), {}, {}, 0}));
    };
    for (const fs::path& folder : folders) {
        const fs::path file = folder / "table.json";
        auto text = read_text(file);
        if (!text) {
            append(faults, text.error());
            continue;
        }
        const Json table = Json::parse(*text, nullptr, false);
        if (!table.is_array()) {
            fault(file, "This is not a results table.");
            continue;
        }
        for (const Json& j : table) {
            const std::string id = row_from_json(j).about.id();
            if (auto [it, fresh] = cells.emplace(id, j); !fresh && it->second != j)
                fault(file, fmt::format("It disagrees with another table about {}.", id));
        }
    }
    if (!faults.empty())
        return fail(std::move(faults));
    std::vector<MatrixRow> rows;
    rows.reserve(cells.size());
    for (const auto& [id, j] : cells)
        rows.push_back(row_from_json(j));
    return rows;
}

Result<void> write_tables(const fs::path& folder, std::vector<MatrixRow> rows) {
    std::sort(rows.begin(), rows.end(),
              [](const MatrixRow& a, const MatrixRow& b) { return a.about.id() < b.about.id(); });
    Json list = Json::array();
    for (const MatrixRow& r : rows)
        list.push_back(to_json(r));
    for (const auto& [name, text] : {std::pair{"table.json", list.dump(2) + "\n"},
                                     {"table.csv", csv(rows)},
                                     {"table.md", markdown(rows)},
                                     {"atlas.md", atlas(rows)},
                                     {"junit.xml", junit(rows)},
                                     {"index.html", page(rows)},
                                     {"times.csv", times(rows)}})
        if (auto ok = write_file(folder / name, text); !ok)
            return ok;
    return {};
}

} // namespace xlp::build
