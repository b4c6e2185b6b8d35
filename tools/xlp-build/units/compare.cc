// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-build/units/compare.h"

#include "tools/xlp-build/units/declarations.h"
#include "tools/xlp-build/units/outline.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace xlp::build {

namespace {

// Which declarations the roots reach.
class Reach {
public:
    explicit Reach(const std::vector<Declaration>& list) : list_(list), seen_(list.size()) {
        for (std::size_t i = 0; i < list.size(); ++i)
            for (Token name : list[i].declares)
                givers_[name].push_back(i);
        for (std::size_t i = 0; i < list.size(); ++i)
            if (list[i].root)
                see(i);
        while (!open_.empty()) {
            const std::size_t i = open_.back();
            open_.pop_back();
            for (Token name : list_[i].uses)
                follow(name);
            for (const PointerMember& p : list_[i].pointers)
                if (followed_.count(p.name))
                    follow(p);
                else
                    waiting_[p.name].push_back(&p);
        }
    }

    bool operator[](std::size_t i) const { return seen_[i]; }

private:
    void see(std::size_t i) {
        if (!seen_[i]) {
            seen_[i] = true;
            open_.push_back(i);
        }
    }

    void follow(const PointerMember& p) {
        for (Token name : p.uses)
            follow(name);
    }

    void follow(Token name) {
        if (!followed_.insert(name).second)
            return;
        if (auto it = givers_.find(name); it != givers_.end())
            for (std::size_t i : it->second)
                see(i);
        // a name comes here once, so no more can come to wait for it
        if (auto it = waiting_.find(name); it != waiting_.end())
            for (const PointerMember* p : std::exchange(it->second, {}))
                follow(*p);
    }

    const std::vector<Declaration>& list_;
    std::vector<bool> seen_;
    std::vector<std::size_t> open_;
    std::unordered_map<Token, std::vector<std::size_t>> givers_;
    std::unordered_set<Token> followed_;
    std::unordered_map<Token, std::vector<const PointerMember*>> waiting_;
};

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
        const Reach seen(list);
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
