// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-build/units_compare.h"

#include "tools/xlp-build/units_declarations.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

namespace xlp::build {

namespace {

using Token = std::string_view;

// Which declarations the roots reach.
std::vector<bool> reached(const std::vector<Declaration>& list) {
    std::unordered_map<Token, std::vector<std::size_t>> givers;
    for (std::size_t i = 0; i < list.size(); ++i)
        for (Token name : list[i].declares)
            givers[name].push_back(i);
    std::vector<bool> seen(list.size());
    std::unordered_set<Token> followed;
    std::vector<std::size_t> open;
    auto see = [&](std::size_t i) {
        if (!seen[i]) {
            seen[i] = true;
            open.push_back(i);
        }
    };
    for (std::size_t i = 0; i < list.size(); ++i)
        if (list[i].root)
            see(i);
    while (!open.empty()) {
        const std::size_t i = open.back();
        open.pop_back();
        for (Token name : list[i].uses)
            if (followed.insert(name).second)
                if (auto it = givers.find(name); it != givers.end())
                    for (std::size_t k : it->second)
                        see(k);
    }
    return seen;
}

std::string name_of(const Declaration& d) {
    if (!d.declares.empty())
        return std::string(d.declares.front());
    return d.text.substr(0, 40);
}

} // namespace

Effect compare_declarations(std::string_view original, std::string_view patched) {
    if (original == patched)
        return {};
    const ParsedUnit old_unit = split_declarations(original),
                     new_unit = split_declarations(patched);
    const auto &a = old_unit.declarations, &b = new_unit.declarations;
    std::unordered_map<std::string_view, long> balance; // occurrences in b minus those in a
    for (const Declaration& d : a)
        --balance[d.text];
    for (const Declaration& d : b)
        ++balance[d.text];
    Effect effect;
    auto add = [&](const std::vector<Declaration>& list, bool more_here) {
        const std::vector<bool> seen = reached(list);
        for (std::size_t i = 0; i < list.size(); ++i) {
            const long n = balance[list[i].text];
            if (!seen[i] || (more_here ? n <= 0 : n >= 0))
                continue;
            effect.affects = true;
            std::string name = name_of(list[i]);
            if (effect.names.size() < 4
                && std::find(effect.names.begin(), effect.names.end(), name) == effect.names.end())
                effect.names.push_back(std::move(name));
        }
    };
    add(b, true);
    add(a, false);
    if (effect.affects)
        return effect;
    // what both have must come in the same order
    auto common = [&](const std::vector<Declaration>& list) {
        std::vector<std::string_view> texts;
        for (const Declaration& d : list)
            if (balance[d.text] == 0)
                texts.push_back(d.text);
        return texts;
    };
    if (common(a) != common(b))
        effect = {true, {"the order of declarations"}};
    return effect;
}

} // namespace xlp::build
