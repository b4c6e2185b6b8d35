// SPDX-License-Identifier: GPL-2.0-only
// A matrix's rows for programs (JSON, CSV) and for people (Markdown).
#include "payload/base/file.h"
#include "payload/base/json.h"
#include "tools/xlp-build/matrix/run.h"
#include "tools/xlp-build/source/tree.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

namespace xlp::build {

namespace fs = std::filesystem;

namespace {

std::string csv(const std::vector<MatrixRow>& rows) {
    std::string text =
        "branch,name,base,verdict,codes,functions,size,nested,build_seconds,nested_seconds\n";
    for (const MatrixRow& r : rows)
        text += fmt::format("{},{},{},{},{},{},{},{},{:.1f},{:.1f}\n", r.about.branch, r.about.name,
                            r.base, r.verdict, fmt::join(r.codes, " "), r.functions, r.size,
                            r.nested, r.build_seconds, r.nested_seconds);
    return text;
}

std::string markdown(const std::vector<MatrixRow>& rows) {
    std::string text = "| branch | fix | base | verdict | functions | bytes | nested | s |\n"
                       "|---|---|---|---|---|---|---|---|\n";
    for (const MatrixRow& r : rows) {
        const std::string verdict =
            r.codes.empty() ? r.verdict
                            : fmt::format("{}: `{}`", r.verdict, fmt::join(r.codes, "`, `"));
        text += fmt::format("| {} | {} | {} | {} | {} | {} | {} | {:.1f} |\n", r.about.branch,
                            r.about.name, r.base, verdict,
                            r.functions ? std::to_string(r.functions) : "",
                            r.size ? std::to_string(r.size) : "", r.nested, r.build_seconds);
    }
    return text;
}

} // namespace

Json to_json(const MatrixRow& r) {
    return {{"branch", r.about.branch},
            {"name", r.about.name},
            {"base", r.base},
            {"commits", r.about.commits},
            {"verdict", r.verdict},
            {"codes", r.codes},
            {"why", r.why},
            {"functions", r.functions},
            {"size", r.size},
            {"nested", r.nested},
            {"build_seconds", r.build_seconds},
            {"nested_seconds", r.nested_seconds}};
}

Result<void> write_tables(const fs::path& folder, const std::vector<MatrixRow>& rows) {
    Json list = Json::array();
    for (const MatrixRow& r : rows)
        list.push_back(to_json(r));
    for (const auto& [name, text] : {std::pair{"table.json", list.dump(2) + "\n"},
                                     {"table.csv", csv(rows)},
                                     {"table.md", markdown(rows)}})
        if (auto ok = write_file(folder / name, text); !ok)
            return ok;
    return {};
}

} // namespace xlp::build
