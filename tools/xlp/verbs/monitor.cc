// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/verbs/monitor.h"

#include "tools/xlp/hypervisor/names.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

namespace xlp::host {
namespace {

// A line of its own, in which | begins the performance data.
std::string for_plugin(std::string s) {
    s = printable(s);
    std::replace(s.begin(), s.end(), '|', '/');
    return s;
}

} // namespace

int plugin_code(const Json& doc) {
    const auto is = [&](const char* key, bool value) {
        return doc.contains(key) && doc[key] == value;
    };
    if (is("protected", false))
        return 2;
    if (!is("protected", true))
        return 3;
    const auto some = [&](const char* key) { return doc.contains(key) && !doc[key].empty(); };
    return is("crashed", true) || is("interrupted", true) || some("held") || some("went_down") ? 1
                                                                                               : 0;
}

std::string plugin_line(const Json& doc, const Findings& why) {
    const char* const words_of[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};
    const int code = plugin_code(doc);
    std::string s = fmt::format("XLP {}", words_of[code]);
    const auto names = [&](const char* key) {
        return for_plugin(
            fmt::format("{}", fmt::join(doc[key].get<std::vector<std::string>>(), " ")));
    };
    const auto count = [&](const char* key) { return doc.contains(key) ? doc[key].size() : 0; };
    if (!doc.contains("stack"))
        return s + " - " + for_plugin(why.empty() ? "nothing is known" : why.front().why);
    if (code == 1)
        return s
               + " - payloads are held back, the host went down, or an operation did not finish: "
                 "see `xlp status'";
    s += fmt::format(" - {} payloads applied", count("stack"));
    if (count("missing"))
        s += fmt::format(", {} missing", count("missing"));
    if (count("open"))
        s += ": " + names("open");
    if (code == 3 && count("doubts"))
        s += ": " + for_plugin(doc["doubts"][0].get<std::string>());
    return s + fmt::format(" | payloads={} missing={}", count("stack"), count("missing"));
}

} // namespace xlp::host
