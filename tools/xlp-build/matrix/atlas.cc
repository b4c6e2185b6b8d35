// SPDX-License-Identifier: GPL-2.0-only
// Writes a matrix as a Markdown page: a table of advisories by base, totals per base, and the
// reasons for what cannot be live-patched. Newest advisories first.
#include "tools/xlp-build/matrix/run.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <map>
#include <set>

namespace xlp::build {

namespace {

// Compares digits in names as numbers: xen-4.7.1 sorts before xen-4.20.0.
struct ByVersion {
    bool operator()(const std::string& a, const std::string& b) const {
        return strverscmp(a.c_str(), b.c_str()) < 0;
    }
};

using AtlasColumns = std::set<std::string, ByVersion>;
using AtlasCells = std::map<std::string, const MatrixRow*>;           // by base
using AtlasGrid = std::map<std::string, AtlasCells, ByVersion>;       // by fix
using AtlasReasons = std::map<std::string, std::vector<std::string>>; // bases, by reason

bool alphanumeric(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0;
}

// Text that a finding quotes, `like this' or `like this`, from the opening mark on; empty if the
// quotation does not end.
std::string quotation(const std::string& text, std::size_t open) {
    const std::size_t close = text.find_first_of("`'\n", open + 1);
    return close == text.npos || text[close] == '\n' ? "" : text.substr(open + 1, close - open - 1);
}

// Escapes Markdown outside quotations, and keeps the text on one line of a table.
std::string verbatim(const std::string& text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (const std::string code = c == '`' ? quotation(text, i) : ""; !code.empty()) {
            out += fmt::format("`{}`", code);
            i += code.size() + 1;
            continue;
        }
        const bool within =
            i > 0 && i + 1 < text.size() && alphanumeric(text[i - 1]) && alphanumeric(text[i + 1]);
        if (std::strchr("\\|<*`[", c) || (c == '_' && !within))
            out += '\\';
        out += c == '\n' ? ' ' : c;
    }
    return out;
}

std::string shown_name(const MatrixRow& r) {
    return r.about.name.starts_with("xsa") ? "XSA-" + r.about.name.substr(3) : r.about.name;
}

std::string code_spans(const std::vector<std::string>& codes) {
    return codes.empty() ? "" : fmt::format("`{}`", fmt::join(codes, "`, `"));
}

// The columns of the totals, in the order of their headings.
enum class Outcome { proven, untried, refused, fixed, unaffected, no_fit, unknown, failed };

constexpr std::pair<Outcome, const char*> outcomes[] = {
    {Outcome::proven, "payload, proven"},     {Outcome::untried, "payload, not tried"},
    {Outcome::refused, "not live-patchable"}, {Outcome::fixed, "fixed in it"},
    {Outcome::unaffected, "not affected"},    {Outcome::no_fit, "does not apply"},
    {Outcome::unknown, "nothing known"},      {Outcome::failed, "failed"}};

Outcome outcome_of(const MatrixRow& r) {
    if (!r.good())
        return Outcome::failed;
    if (r.verdict == "payload")
        return r.nested == "passed" ? Outcome::proven : Outcome::untried;
    for (const auto& [verdict, outcome] : {std::pair{"refused", Outcome::refused},
                                           {"fixed", Outcome::fixed},
                                           {"not affected", Outcome::unaffected},
                                           {"does not apply", Outcome::no_fit}})
        if (r.verdict == verdict)
            return outcome;
    return Outcome::unknown;
}

std::string cell_of(const MatrixRow& r) {
    const std::string functions =
        fmt::format("{} function{}", r.functions, r.functions == 1 ? "" : "s");
    switch (outcome_of(r)) {
    case Outcome::proven:
        return functions + ", proven";
    case Outcome::untried:
        return functions + ", not tried";
    case Outcome::refused:
        return "no: " + code_spans(r.codes);
    case Outcome::fixed:
        return "fixed";
    case Outcome::failed:
        return fmt::format("**{}**",
                           r.verdict == "payload" ? verbatim(r.nested) : verbatim(r.verdict));
    default:
        return verbatim(r.verdict);
    }
}

// Whether no base had anything to do, for whatever reason.
bool settled(const AtlasCells& cells, std::size_t columns) {
    return cells.size() == columns && std::all_of(cells.begin(), cells.end(), [](const auto& c) {
               const Outcome o = outcome_of(*c.second);
               return o == Outcome::fixed || o == Outcome::unaffected;
           });
}

std::string sums(const AtlasColumns& columns, const std::vector<MatrixRow>& rows) {
    std::map<std::pair<std::string, Outcome>, unsigned> count;
    std::set<Outcome> used;
    for (const MatrixRow& r : rows) {
        ++count[{r.about.branch, outcome_of(r)}];
        used.insert(outcome_of(r));
    }
    std::string head = "| base |", line = "|---|", body;
    for (const auto& [outcome, words] : outcomes)
        if (used.contains(outcome)) {
            head += fmt::format(" {} |", words);
            line += "--:|";
        }
    for (const std::string& c : columns) {
        body += fmt::format("| {} |", verbatim(c));
        for (Outcome outcome : used)
            body += fmt::format(" {} |", count[{c, outcome}]);
        body += '\n';
    }
    return fmt::format("{}\n{}\n{}", head, line, body);
}

std::string grid_table(const AtlasColumns& columns, const AtlasGrid& grid) {
    std::string text = "| advisory | title |", line = "|---|---|";
    for (const std::string& c : columns) {
        text += fmt::format(" {} |", verbatim(c));
        line += "---|";
    }
    text += fmt::format("\n{}\n", line);
    std::vector<std::string> rest;
    for (auto it = grid.rbegin(); it != grid.rend(); ++it) {
        const MatrixRow& any = *it->second.begin()->second;
        if (settled(it->second, columns.size())) {
            rest.push_back(verbatim(shown_name(any)));
            continue;
        }
        text += fmt::format("| {} | {} |", verbatim(shown_name(any)), verbatim(any.about.title));
        for (const std::string& c : columns)
            text +=
                it->second.contains(c) ? fmt::format(" {} |", cell_of(*it->second.at(c))) : "  |";
        text += '\n';
    }
    if (!rest.empty())
        text += fmt::format("\nFixed in all of these, or no concern of theirs: {}.\n",
                            fmt::join(rest, ", "));
    return text;
}

std::string reason_of(const MatrixRow& r) {
    std::string words = outcome_of(r) == Outcome::refused ? code_spans(r.codes) : cell_of(r);
    // which hunk failed means nothing to readers who do not have the patch
    if (!r.why.empty() && outcome_of(r) != Outcome::no_fit)
        words += ": " + verbatim(r.why);
    else if (!r.about.known.empty())
        words += '.';
    for (const std::string& known : r.about.known)
        words += " " + verbatim(known);
    return words;
}

// The reason for each cell that is neither a payload nor fixed.
std::string reasons(const AtlasColumns& columns, const AtlasGrid& grid) {
    std::string text;
    for (auto it = grid.rbegin(); it != grid.rend(); ++it) {
        if (settled(it->second, columns.size()))
            continue;
        AtlasReasons said;
        for (const std::string& c : columns) {
            auto cell = it->second.find(c);
            if (cell == it->second.end())
                continue;
            const Outcome o = outcome_of(*cell->second);
            const bool plain = o == Outcome::no_fit && cell->second->about.known.empty();
            if (!plain && o != Outcome::proven && o != Outcome::untried && o != Outcome::fixed)
                said[reason_of(*cell->second)].push_back(verbatim(c));
        }
        for (const auto& [words, bases] : said)
            text +=
                fmt::format("| {} | {} | {} |\n", verbatim(shown_name(*it->second.begin()->second)),
                            fmt::join(bases, ", "), words);
    }
    return text.empty() ? text : "| advisory | base | why |\n|---|---|---|\n" + text;
}

} // namespace

std::string atlas(const std::vector<MatrixRow>& rows) {
    AtlasColumns columns;
    AtlasGrid grid;
    for (const MatrixRow& r : rows) {
        columns.insert(r.about.branch);
        grid[r.about.name][r.about.branch] = &r;
    }
    std::string text = fmt::format("{}\n{}", sums(columns, rows), grid_table(columns, grid));
    if (const std::string why = reasons(columns, grid); !why.empty())
        text += "\n" + why;
    return text;
}

} // namespace xlp::build
