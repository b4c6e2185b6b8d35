// SPDX-License-Identifier: GPL-2.0-only
// A matrix as one HTML page that needs no other file.
#include "tools/xlp-build/matrix/run.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <map>
#include <set>

namespace xlp::build {

namespace {

std::string escaped(const std::string& text) {
    std::string out;
    for (char c : text)
        out += c == '&'   ? "&amp;"
               : c == '<' ? "&lt;"
               : c == '>' ? "&gt;"
               : c == '"' ? "&quot;"
                          : std::string(1, c);
    return out;
}

// Numbers in names by their value: xsa99 before xsa480.
std::pair<unsigned long, std::string> order(const std::string& name) {
    const std::size_t digit = name.find_first_of("0123456789");
    return {digit == name.npos ? 0 : std::strtoul(name.c_str() + digit, nullptr, 10), name};
}

constexpr const char* style =
    ":root{color-scheme:light dark;--b:#ddd;--built:#d6f5d6;--refused:#fde8c8;--fixed:#eee;"
    "--failed:#f9d0d0}\n"
    "@media(prefers-color-scheme:dark){:root{--b:#444;--built:#1d4d1d;--refused:#5a3d0c;"
    "--fixed:#2a2a2a;--failed:#611}}\n"
    "body{font:15px/1.4 system-ui,sans-serif;margin:1em;max-width:90em}\n"
    "div{overflow-x:auto}table{border-collapse:collapse}\n"
    "th,td{border:1px solid var(--b);padding:.3em .5em;text-align:left;vertical-align:top}\n"
    "th:first-child{position:sticky;left:0;background:Canvas}\n"
    ".built{background:var(--built)}.refused{background:var(--refused)}"
    ".fixed{background:var(--fixed)}.failed{background:var(--failed)}\n"
    "code{font-size:90%;overflow-wrap:anywhere}details>*{margin:.3em 0}\n";

// Before, applied, after: a small table, and where the evidence is.
std::string tests_of(const MatrixRow& r) {
    std::string text, ran;
    for (const TestResult& t : r.xtf) {
        const std::string proof = t.proof + (t.why.empty() ? "" : ": " + t.why);
        if (t.before.end.empty()) {
            text += fmt::format("<p>XTF's {}: {}</p>", escaped(t.test), escaped(proof));
            continue;
        }
        ran += fmt::format("<tr><td>{}</td>", escaped(t.test));
        for (const TestEnd* end : {&t.before, &t.applied, &t.reverted})
            ran += fmt::format("<td>{}</td>", escaped(words_of_end(*end)));
        ran += fmt::format("<td class=\"{}\">{}</td></tr>",
                           t.proof == "closed" ? "built"
                           : t.proof == "open" ? "failed"
                                               : "fixed",
                           escaped(proof));
    }
    if (ran.empty())
        return text;
    return fmt::format("<table><tr><td>XTF</td><td>before</td><td>applied</td><td>after</td>"
                       "<td></td></tr>{}</table>{}<p><a href=\"{}/xtf.log\">log of its "
                       "machines</a></p>",
                       ran, text, escaped(r.about.id()));
}

std::string cell(const MatrixRow& r) {
    const auto [words, kind] = words_of(r);
    const std::string proofs = count_proofs(r.xtf);
    const std::string summary = proofs.empty() ? words : words + "; XTF: " + proofs;
    std::string more;
    if (!r.why.empty())
        more += "<p>" + escaped(r.why) + "</p>";
    for (const std::string& known : r.about.known)
        more += "<p>" + escaped(known) + "</p>";
    for (const std::string& code : r.codes)
        more += "<p><code>" + escaped(code) + "</code></p>";
    if (r.verdict == "payload")
        more += fmt::format("<p>{} functions, {} bytes</p>", r.functions, r.size);
    if (!r.base.empty())
        more += "<p>on " + escaped(r.base) + "</p>";
    const std::string folder = escaped(r.about.id());
    if (r.verdict == "payload" || r.verdict == "refused")
        more += fmt::format("<p><a href=\"{}/payload.json\">report</a></p>", folder);
    if (!r.nested.empty())
        more += fmt::format("<p><a href=\"{}/serial.log\">log of the nested run</a></p>", folder);
    more += tests_of(r);
    if (more.empty())
        return fmt::format("<td class=\"{}\">{}</td>", kind, escaped(summary));
    return fmt::format("<td class=\"{}\"><details><summary>{}</summary>{}</details></td>", kind,
                       escaped(summary), more);
}

} // namespace

std::pair<std::string, const char*> words_of(const MatrixRow& r) {
    if (r.verdict == "payload")
        return {r.nested == "passed" ? "built, proven"
                : r.nested.empty()   ? "built"
                                     : "built, " + r.nested,
                r.good() ? "built" : "failed"};
    if (r.verdict == "refused")
        return {"not live-patchable", "refused"};
    if (r.verdict == "fixed")
        return {"fixed in this base", "fixed"};
    return {r.verdict, r.good() ? "fixed" : "failed"};
}

std::string page(const std::vector<MatrixRow>& rows) {
    std::set<std::string> columns;
    std::map<std::pair<unsigned long, std::string>, std::map<std::string, const MatrixRow*>> grid;
    std::map<std::string, unsigned> count;
    std::vector<TestResult> tests;
    for (const MatrixRow& r : rows) {
        tests.insert(tests.end(), r.xtf.begin(), r.xtf.end());
        columns.insert(r.about.branch);
        grid[order(r.about.name)][r.about.branch] = &r;
        ++count[words_of(r).first];
    }
    std::string text = fmt::format(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
        "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
        "<title>Live patches</title>\n<style>\n{}</style></head><body>\n<h1>Live patches</h1>\n<p>",
        style);
    std::vector<std::string> totals;
    totals.reserve(count.size());
    for (const auto& [words, n] : count)
        totals.push_back(fmt::format("{} {}", n, escaped(words)));
    if (const std::string proofs = count_proofs(tests); !proofs.empty())
        totals.push_back("tests of XTF: " + escaped(proofs));
    text += fmt::format("{}</p>\n<div><table><thead><tr><th>fix</th>", fmt::join(totals, ", "));
    for (const std::string& c : columns)
        text += "<th>" + escaped(c) + "</th>";
    text += "</tr></thead><tbody>\n";
    for (const auto& [key, cells] : grid) {
        const std::string& title = cells.begin()->second->about.title;
        text += "<tr><th>" + escaped(key.second);
        text += title.empty() ? "</th>" : "<br><small>" + escaped(title) + "</small></th>";
        for (const std::string& c : columns)
            text += cells.contains(c) ? cell(*cells.at(c)) : "<td></td>";
        text += "</tr>\n";
    }
    return text + "</tbody></table></div>\n</body></html>\n";
}

} // namespace xlp::build
