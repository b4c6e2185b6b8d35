// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/disk/hold_words.h"

#include "tools/xlp/disk/reserve.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

namespace xlp::host {
namespace {

using Words = std::set<std::string>;

Words words_in(const Json& all, const std::string& xen) {
    Words words;
    if (all.is_object() && all.contains(xen) && all[xen].is_array())
        for (const Json& word : all[xen])
            if (word.is_string())
                words.insert(word.get<std::string>());
    return words;
}

std::vector<std::string> without(const Words& a, const Words& b) {
    std::vector<std::string> rest;
    std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(rest));
    return rest;
}

} // namespace

Result<WordChanges> note_words(const Paths& paths, const Holds& holds, const std::string& xen) {
    auto json = read_json_if_there(paths.hold_words());
    if (!json && json.error().front().code != "file.damaged")
        return fail(json);
    Json all = json && *json ? (**json).value("words", Json::object()) : Json::object();
    if (!all.is_object())
        all = Json::object();
    const Words before = words_in(all, xen);
    Words now;
    for (const Hold& h : holds.all())
        if (!h.after_crash())
            now.insert(h.id);
    WordChanges changes{without(now, before), without(before, now)};
    if (changes.empty())
        return changes;
    all[xen] = now;
    const Json whole = {{"schema", "xlp.hold-words/1"}, {"words", all}};
    if (auto done = put_record(paths, paths.hold_words(), whole); !done)
        return fail(done);
    return changes;
}

} // namespace xlp::host
