// SPDX-License-Identifier: GPL-2.0-only
// From changed files to units: who includes one, and to whom it makes a difference.
#include "payload/base/file.h"
#include "payload/base/parallel.h"
#include "tools/xlp-build/compile/compile.h"
#include "tools/xlp-build/compile/object.h"
#include "tools/xlp-build/units/compare.h"
#include "tools/xlp-build/units/macros.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <mutex>

namespace xlp::build {

namespace fs = std::filesystem;

namespace {

std::string join(const std::vector<std::string>& list) {
    std::string text;
    for (const std::string& s : list)
        text += (text.empty() ? "" : ", ") + s;
    return text;
}

// Arguments that only one of two recipes has.
std::vector<std::string> only_in(const Recipe& a, const Recipe& b) {
    std::vector<std::string> x = a.compiler, y = b.compiler, more;
    std::sort(x.begin(), x.end());
    std::sort(y.begin(), y.end());
    std::set_difference(x.begin(), x.end(), y.begin(), y.end(), std::back_inserter(more));
    return more;
}

std::string recipe_change(const Recipe& a, const Recipe& b) {
    const auto gone = only_in(a, b), come = only_in(b, a);
    if (gone.empty() && come.empty())
        return "is generated differently";
    std::string text = "is compiled with different flags:";
    for (const auto& f : gone)
        text += " -[" + f + "]";
    for (const auto& f : come)
        text += " +[" + f + "]";
    return text;
}

// Units that come, go, or are compiled otherwise.
Result<std::vector<Unit>> recipe_changes(const Trees& t) {
    std::vector<Unit> units;
    std::size_t others = 0;
    std::string example;
    for (const auto& [object, recipe] : t.original_recipes) {
        auto now = t.patched_recipes.find(object);
        if (now != t.patched_recipes.end() && now->second == recipe)
            continue;
        Unit unit = unit_of(recipe, t.original);
        if (now == t.patched_recipes.end()) {
            unit.reasons = {"is no longer part of the hypervisor"};
        } else {
            ++others;
            unit.reasons = {recipe_change(recipe, now->second)};
            example = unit.reasons[0];
        }
        units.push_back(std::move(unit));
    }
    if (others * 2 > t.original_recipes.size())
        return fail(
            refusal("patch.changes-every-unit",
                    fmt::format("The patch changes how {} of {} units are compiled: each {}.",
                                others, t.original_recipes.size(), example),
                    "A change in code generation affects every function; it needs a new hypervisor "
                    "and a reboot."));
    for (const auto& [object, recipe] : t.patched_recipes)
        if (!t.original_recipes.count(object)) {
            units.push_back(unit_of(recipe, t.patched));
            units.back().reasons = {"is new"};
        }
    return units;
}

// What changed in files that only the assembler reads.
Result<AssemblyChanges> assembly_changes(const Trees& t, const std::vector<std::string>& files) {
    AssemblyChanges all;
    for (const std::string& f : files) {
        auto a = read_text(t.original / f), b = read_text(t.patched / f);
        if (!a || !b) {
            all.rest = true;
            continue;
        }
        AssemblyChanges one = compare_assembly(*a, *b);
        all.names.merge(one.names);
        all.rest |= one.rest;
    }
    return all;
}

// Such as common/config_data.S, around the configuration: assembly that neither tree has, as Xen's
// build writes it around a file that is there at its end only.
bool wraps_data(const Recipe& recipe, const Trees& t) {
    const fs::path source = fs::path("xen") / recipe.source;
    return recipe.assembly() && !fs::exists(t.original / source) && !fs::exists(t.patched / source);
}

struct Verdict {
    bool affected = false;
    std::string reason;
};

std::string unused(const Candidate& c) {
    return fmt::format("includes {}, but uses nothing that differs in it", join(c.files));
}

// What the compiler proper sees of the original, which is the same for every patch: kept beside the
// tree.
Result<std::string> original_text(const Recipe& recipe, const Trees& t,
                                  const std::stop_token& stop) {
    const fs::path kept = t.original.parent_path() / "texts" / (recipe.object + ".i");
    if (auto text = read_text(kept); text && !text->empty())
        return text;
    auto text = preprocess(recipe, t.original, t.toolchain, stop);
    std::error_code ec;
    fs::create_directories(kept.parent_path(), ec);
    if (text) // without room for it, it is made again next time
        static_cast<void>(write_file(kept, *text, {.durable = false}));
    return text;
}

// One candidate whose own source is not patched.
Result<Verdict> judge(const Trees& t, const Candidate& c, const std::stop_token& stop) {
    const Recipe& recipe = t.original_recipes.at(c.object);
    auto a = original_text(recipe, t, stop);
    if (!a)
        return fail(a);
    auto b = preprocess(t.patched_recipes.at(c.object), t.patched, t.toolchain, stop);
    if (!b) {
        // the compiler will say it again, as the patch's fault
        if (stop.stop_requested())
            return fail(b);
        return Verdict{true, "includes " + join(c.files)};
    }
    if (!c.by_assembler.empty()) {
        auto macros = assembly_changes(t, c.by_assembler);
        if (!macros)
            return fail(macros);
        if (macros->rest || mentions(*b, macros->names))
            return Verdict{true, fmt::format("uses assembler macros of {}", join(c.by_assembler))};
    }
    if (*a == *b)
        return Verdict{false,
                       fmt::format("includes {}, whose changes do not affect it", join(c.files))};
    if (recipe.assembly()) {
        const AssemblyChanges changes = compare_assembly(*a, *b);
        if (changes.rest || mentions(assembly_rest(*b), changes.names))
            return Verdict{true, fmt::format("includes {}", join(c.files))};
        return Verdict{false, unused(c)};
    }
    const Effect effect = compare_declarations(*a, *b);
    if (!effect.affects)
        return Verdict{false, unused(c)};
    return Verdict{true, fmt::format("includes {}: {}", join(c.files), join(effect.names))};
}

} // namespace

Result<Selection> select_units(const Trees& t, const std::vector<ChangedFile>& changed,
                               const Progress& progress, const std::stop_token& stop) {
    Selection selection;
    auto others = recipe_changes(t);
    if (!others)
        return fail(others);
    std::map<std::string, Unit> affected;
    for (Unit& u : *others)
        affected.emplace(u.object, std::move(u));

    std::vector<Candidate> list =
        candidates(t.original, t.original_recipes, t.patched, t.patched_recipes, changed);
    std::erase_if(list, [&](const Candidate& c) { return affected.count(c.object) != 0; });
    std::erase_if(list, [&](const Candidate& c) {
        const Recipe& recipe = t.original_recipes.at(c.object);
        if (!wraps_data(recipe, t))
            return false;
        selection.unchanged.push_back(unit_of(recipe, t.original));
        selection.unchanged.back().reasons = {
            "holds data that Xen's build embeds; the running hypervisor keeps its own"};
        return true;
    });
    std::vector<Verdict> verdicts(list.size());
    std::mutex mutex;
    std::size_t looked_at = 0;
    auto r = for_each(list.size(), t.toolchain.jobs, stop, [&](std::size_t i) -> Result<void> {
        if (list[i].itself) {
            verdicts[i] = {true, "is itself patched"};
            return {};
        }
        {
            std::lock_guard lock(mutex);
            progress(
                fmt::format("Examining {} of {}: {}", ++looked_at, list.size(), list[i].object));
        }
        auto verdict = judge(t, list[i], stop);
        if (!verdict)
            return fail(verdict);
        verdicts[i] = std::move(*verdict);
        return {};
    });
    if (!r)
        return fail(r);
    for (std::size_t i = 0; i < list.size(); ++i) {
        Unit unit = unit_of(t.original_recipes.at(list[i].object), t.original);
        unit.reasons = {verdicts[i].reason};
        if (verdicts[i].affected)
            affected.emplace(unit.object, std::move(unit));
        else
            selection.unchanged.push_back(std::move(unit));
    }
    for (auto& [object, unit] : affected)
        selection.affected.push_back(std::move(unit));
    return selection;
}

} // namespace xlp::build
