// SPDX-License-Identifier: GPL-2.0-only
#include "tools/common/finding_text.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <tuple>
#include <vector>

namespace xlp::cli {

namespace {

constexpr std::size_t fewest_together = 3;
constexpr std::size_t most_shown = 5; // places of a warning or note

const char* color_of(Severity s) {
    switch (s) {
    case Severity::note:
        return "\x1b[36m";
    case Severity::warning:
        return "\x1b[33m";
    case Severity::error:
        return "\x1b[31m";
    }
    return "";
}

const char* journal_priority(Severity s) {
    switch (s) {
    case Severity::note:
        return "<6>";
    case Severity::warning:
        return "<4>";
    case Severity::error:
        break;
    }
    return "<3>";
}

std::string place(const Where& w) {
    std::string s = w.source.empty() ? w.file : w.source;
    if (w.line)
        s += fmt::format(":{}", w.line);
    if (!w.function.empty())
        s += s.empty() ? w.function : ": " + w.function;
    return harmless(s);
}

using Group = std::vector<const Finding*>; // alike but for their places

std::vector<Group> groups_of(const Findings& list, bool together) {
    std::vector<Group> groups;
    std::map<std::tuple<Severity, std::string_view, std::string_view, std::string_view>,
             std::size_t>
        index;
    for (const Finding& f : list) {
        const auto [it, fresh] =
            index.try_emplace({f.severity, f.code, f.why, f.remedy}, groups.size());
        if (fresh || !together || f.where.empty())
            groups.push_back({&f});
        else
            groups[it->second].push_back(&f);
    }
    return groups;
}

std::string one(const Finding& f, const std::string& at, const TextStyle& style) {
    std::string s = style.journal ? journal_priority(f.severity) : "";
    s += fmt::format("{}{}{}: {}{}{} [{}]", style.color ? color_of(f.severity) : "",
                     severity_name(f.severity), style.color ? "\x1b[0m" : "", at,
                     at.empty() ? "" : ": ", harmless(f.why), f.code);
    if (!f.remedy.empty())
        s += (style.journal ? " -> " : "\n  -> ") + harmless(f.remedy);
    return s + '\n';
}

std::string many(const Group& g, const TextStyle& style) {
    const Finding& first = *g.front();
    std::string s = one(first, fmt::format("{} places", g.size()), style);
    const std::size_t shown =
        first.severity == Severity::error ? g.size() : std::min(g.size(), most_shown);
    for (std::size_t i = 0; i < shown; ++i)
        s += fmt::format("     {}\n", place(g[i]->where));
    if (shown < g.size())
        s += fmt::format("     and {} more (-v shows all)\n", g.size() - shown);
    return s;
}

} // namespace

const char* severity_name(Severity s) {
    switch (s) {
    case Severity::note:
        return "note";
    case Severity::warning:
        return "warning";
    case Severity::error:
        return "error";
    }
    return "error";
}

std::string harmless(std::string_view text) {
    std::string shown;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if ((byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7f)
            shown += fmt::format("\\x{:02x}", byte);
        else
            shown += c;
    }
    return shown;
}

std::string text(const Findings& list, const TextStyle& style) {
    std::string s;
    for (const Group& g : groups_of(list, !style.journal && !style.verbose)) {
        if (g.size() >= fewest_together) {
            s += many(g, style);
            continue;
        }
        for (const Finding* f : g)
            s += one(*f, place(f->where), style);
    }
    return s;
}

} // namespace xlp::cli
