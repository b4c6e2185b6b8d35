// SPDX-License-Identifier: GPL-2.0-only
#include "payload/types/findings.h"

#include <algorithm>
#include <fmt/format.h>

namespace xlp::types {

namespace {

// Longer lists end with a count.
constexpr std::size_t max_listed = 4;

using What = MemberChange::What;

std::string plural(std::uint64_t n, std::string_view word) {
    return fmt::format("{} {}{}", n, word, n == 1 ? "" : "s");
}

std::string extent(std::uint64_t bits) {
    return bits % 8 ? plural(bits, "bit") : plural(bits / 8, "byte");
}

std::string offset(std::uint64_t bits) {
    return bits % 8 ? fmt::format("{} bit {}", bits / 8, bits % 8) : fmt::format("{}", bits / 8);
}

std::string list(const std::vector<std::string>& names) {
    std::string s;
    const std::size_t shown = std::min(names.size(), max_listed);
    for (std::size_t i = 0; i < shown; ++i)
        s += fmt::format("{}`{}`", i == 0 ? "" : i + 1 == names.size() ? " and " : ", ", names[i]);
    if (names.size() > shown)
        s += fmt::format(" and {} more", names.size() - shown);
    return s;
}

// The place to show: the first member that is new or different, not one that only moved.
Where place(const StructChange& c) {
    for (What what : {What::added, What::removed, What::resized, What::retyped, What::renamed})
        for (const MemberChange& m : c.layout.members)
            if (m.what == what && m.line)
                return {.function = c.name, .source = m.source, .line = m.line};
    return {.function = c.name, .source = c.source.file, .line = c.source.line};
}

std::string size_change(std::uint64_t old_size, std::uint64_t new_size) {
    if (old_size == new_size)
        return "kept its size and changed";
    return fmt::format("{} by {} ({} to {})", new_size > old_size ? "grew" : "shrank",
                       plural(std::max(old_size, new_size) - std::min(old_size, new_size), "byte"),
                       old_size, new_size);
}

// What the payload's functions and those left behind have to do with a type.
struct Parties {
    std::vector<std::string> included; // the nearest to it first
    // Who makes objects of it on the stack and stays. Others that stay do not matter: they were
    // compiled to the same code with either layout.
    std::vector<std::string> makers;
};

Parties parties(const Usage& usage, const Included& included) {
    Parties p;
    for (const auto& [symbol, use] : usage.users) {
        if (included(symbol))
            p.included.push_back(symbol);
        else if (use.creates)
            p.makers.push_back(symbol);
    }
    std::stable_sort(p.included.begin(), p.included.end(),
                     [&](const std::string& a, const std::string& b) {
                         return usage.users.at(a).hops < usage.users.at(b).hops;
                     });
    return p;
}

Finding layout_finding(const StructChange& c, const Parties& p, std::string why, Where where) {
    const bool stack = c.usage.lifetime() == Lifetime::on_stack_only;
    if (p.included.empty())
        return note("types.layout", why + " No function of the payload uses it.", {},
                    std::move(where));
    if (stack && p.makers.empty())
        return note("types.layout",
                    why
                        + " It exists only on the stack, and all functions that create one are in "
                          "the payload.",
                    {}, std::move(where));
    if (stack)
        return refusal("types.layout",
                       fmt::format("{} {} stay{} unchanged and create{} it for {} of the payload.",
                                   why, list(p.makers), p.makers.size() == 1 ? "s" : "",
                                   p.makers.size() == 1 ? "s" : "", list(p.included)),
                       "Leave the structure unchanged, or change those functions as well.",
                       std::move(where));
    const bool grew = c.layout.new_size > c.layout.old_size;
    return refusal(
        "types.layout",
        fmt::format(
            "{} Objects allocated before the patch {}, and {} in the payload would use them.", why,
            grew ? "lack the added members" : "have the old layout", list(p.included)),
        "Leave the structure unchanged and keep the new state in a shadow table, or convert the "
        "objects in a hook (docs/types.md).",
        std::move(where));
}

} // namespace

std::string describe(const MemberChange& m) {
    switch (m.what) {
    case What::added:
        return fmt::format("new member `{}` ({} at offset {})", m.path, extent(m.new_bit_size),
                           offset(m.new_bit_offset));
    case What::removed:
        return fmt::format("member `{}` is gone ({} at offset {})", m.path, extent(m.old_bit_size),
                           offset(m.old_bit_offset));
    case What::moved:
        return fmt::format("member `{}` moved from offset {} to {}", m.path,
                           offset(m.old_bit_offset), offset(m.new_bit_offset));
    case What::resized:
        return fmt::format("member `{}` had {}, now {} (offset {}, was {})", m.path,
                           extent(m.old_bit_size), extent(m.new_bit_size), offset(m.new_bit_offset),
                           offset(m.old_bit_offset));
    case What::retyped:
        return fmt::format("member `{}` was `{}`, now `{}` (offset {})", m.path, m.old_type,
                           m.new_type, offset(m.new_bit_offset));
    case What::renamed:
        return fmt::format("member `{}` was called `{}` (offset {})", m.path, m.old_path,
                           offset(m.new_bit_offset));
    }
    return {};
}

std::string describe(const StructChange& c) {
    std::vector<std::string> parts;
    std::size_t moved = 0;
    for (const MemberChange& m : c.layout.members) {
        if (m.what == What::moved)
            ++moved;
        else
            parts.push_back(describe(m));
    }
    std::string s =
        fmt::format("`{}` {}", c.name, size_change(c.layout.old_size, c.layout.new_size));
    const std::size_t shown = std::min(parts.size(), max_listed);
    for (std::size_t i = 0; i < shown; ++i)
        s += (i ? "; " : ": ") + parts[i];
    if (parts.size() > shown)
        s += fmt::format("; {} more", plural(parts.size() - shown, "change"));
    if (moved)
        s += fmt::format("{}{} moved", parts.empty() ? ": " : "; ", plural(moved, "member"));
    return s;
}

std::string describe(const EnumChange& c) {
    std::string s;
    auto add = [&](const std::string& part) { s += (s.empty() ? "" : "; ") + part; };
    if (!c.changed.empty()) {
        const EnumeratorChange& e = c.changed.front();
        add(fmt::format("{} `{}` was {}, now {}",
                        c.changed.size() == 1
                            ? "the value of"
                            : fmt::format("{} values changed, among them", c.changed.size()),
                        e.name, e.old_value, e.new_value));
    }
    if (!c.removed.empty())
        add(fmt::format("{} {} gone", list(c.removed), c.removed.size() == 1 ? "is" : "are"));
    if (!c.added.empty())
        add(fmt::format("{} {} new", list(c.added), c.added.size() == 1 ? "is" : "are"));
    if (c.old_size != c.new_size)
        add(fmt::format("it had {}, now {}", plural(c.old_size, "byte"),
                        plural(c.new_size, "byte")));
    return fmt::format("`{}`: {}", c.name, s);
}

std::string describe(const VariableChange& c) {
    std::string s =
        fmt::format("{} `{}`{} was `{}` ({}), now `{}` ({})",
                    c.per_cpu            ? "The per-CPU variable"
                    : c.function.empty() ? "The variable"
                                         : "The static local",
                    c.name, c.function.empty() ? "" : fmt::format(" of `{}`", c.function),
                    c.old_type, plural(c.old_size, "byte"), c.new_type, plural(c.new_size, "byte"));
    for (std::size_t i = 0; i < std::min(c.members.size(), max_listed); ++i)
        s += (i ? "; " : ": ") + describe(c.members[i]);
    return s;
}

std::optional<Finding> finding(const StructChange& c, const Included& included,
                               const std::vector<std::string>& containing) {
    if (c.usage.lifetime() == Lifetime::unused || c.layout.effect == Effect::none)
        return std::nullopt;
    const Parties p = parties(c.usage, included);
    const Where where = place(c);
    std::string why = describe(c) + ".";
    if (!containing.empty())
        why += fmt::format(" With it change{} {}, which contain{} it.",
                           containing.size() == 1 ? "s" : "", list(containing),
                           containing.size() == 1 ? "s" : "");
    const bool matters =
        !p.included.empty() && (c.usage.lifetime() != Lifetime::on_stack_only || !p.makers.empty());
    switch (c.layout.effect) {
    case Effect::layout:
        return layout_finding(c, p, std::move(why), where);
    case Effect::padding:
        if (!matters)
            return note("types.padding", std::move(why), {}, where);
        return warning("types.padding",
                       why
                           + " Objects allocated before the patch hold whatever was there: zero, "
                             "if they were allocated zeroed.",
                       "Make sure that the code does the right thing for that value.", where);
    case Effect::retyped:
        if (!matters)
            return note("types.retyped", std::move(why), {}, where);
        return warning("types.retyped",
                       why + " Objects and code from before the patch use the old type.",
                       "Make sure that the old value means the same in the new type.", where);
    case Effect::renamed:
    case Effect::none:
        break;
    }
    return note("types.renamed", std::move(why), {}, where);
}

Finding finding(const EnumChange& c) {
    const Where where{.function = c.name, .source = c.source.file, .line = c.source.line};
    if (c.compatible())
        return note("types.enum", describe(c) + ".", {}, where);
    if (c.only_count)
        return note(
            "types.enum",
            describe(c)
                + ". This value counts the others: arrays of that length are checked separately.",
            {}, where);
    if (c.changed.empty() && c.old_size == c.new_size)
        return warning("types.enum",
                       describe(c) + ". Objects from before the patch may still hold these values.",
                       "Make sure that the code handles the old values.", where);
    return refusal(
        "types.enum",
        describe(c) + ". Values stored before the patch, and unpatched code, use the old meaning.",
        "Give new enumerators unused values: add them at the end.", where);
}

Finding finding(const FunctionChange& c, const std::vector<std::string>& missing_callers) {
    const Where where{.function = c.name, .source = c.source.file, .line = c.source.line};
    const std::string why = fmt::format("The signature of `{}` changed: {}.", c.name, c.what);
    if (missing_callers.empty())
        return note("types.signature", why + " All callers are in the payload.", {}, where);
    return refusal("types.signature",
                   fmt::format("{} {} still call{} it the old way.", why, list(missing_callers),
                               missing_callers.size() == 1 ? "s" : ""),
                   "Give the new version another name, and leave the old function to its callers.",
                   where);
}

Finding finding(const VariableChange& c) {
    const Where where{.function = c.name, .source = c.source.file, .line = c.source.line};
    if (c.constant)
        return note("types.variable",
                    describe(c) + ". It is constant: code in the payload uses a new copy.", {},
                    where);
    return refusal("types.variable",
                   describe(c) + ". The one in memory was created with the old type.",
                   c.per_cpu ? "Leave the variable unchanged: a payload cannot add per-CPU data."
                             : "Leave the variable unchanged, and add a new one for the new code; "
                               "a hook can fill it from the old one.",
                   where);
}

Findings findings(const TypeChanges& changes, const Included& included) {
    auto known = [&](const std::string& name) {
        return std::any_of(changes.structs.begin(), changes.structs.end(),
                           [&](const StructChange& c) { return c.name == name; });
    };
    auto follows = [&](const StructChange& c) {
        return std::any_of(c.layout.because_of.begin(), c.layout.because_of.end(), known);
    };
    // whom a structure takes along, also over others
    auto containing = [&](const StructChange& root) {
        std::vector<std::string> names, found{root.name};
        while (!found.empty()) {
            const std::string inner = std::move(found.back());
            found.pop_back();
            for (const StructChange& c : changes.structs) {
                const auto& because = c.layout.because_of;
                if (std::find(because.begin(), because.end(), inner) == because.end()
                    || std::find(names.begin(), names.end(), c.name) != names.end())
                    continue;
                names.push_back(c.name);
                found.push_back(c.name);
            }
        }
        return names;
    };
    Findings all = changes.notes;
    for (const StructChange& c : changes.structs)
        if (!follows(c))
            if (auto f = finding(c, included, containing(c)))
                all.push_back(std::move(*f));
    for (const EnumChange& c : changes.enums)
        all.push_back(finding(c));
    for (const VariableChange& c : changes.variables)
        if (c.because_of.empty() || !known(c.because_of))
            all.push_back(finding(c));
    return all;
}

} // namespace xlp::types
