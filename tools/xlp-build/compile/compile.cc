// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-build/compile/compile.h"

#include "payload/base/file.h"
#include "payload/base/parallel.h"
#include "tools/common/cache.h"
#include "tools/xlp-build/compile/object.h"

#include <algorithm>
#include <fmt/format.h>
#include <mutex>

namespace xlp::build {

namespace fs = std::filesystem;

namespace {

const Recipe* find(const Recipes& recipes, const std::string& object) {
    auto it = recipes.find(object);
    return it == recipes.end() ? nullptr : &it->second;
}

// The patched tree's error, told as the patch's fault: the unpatched unit compiles.
Findings blame_patch(Findings failures) {
    for (Finding& f : failures)
        if (f.code == "compile.failed") {
            f.code = "patch.does-not-compile";
            f.failure = Failure::input;
            f.why = "With the patch applied, " + f.why;
            f.remedy = "Check that the patch is complete and made for this source.";
        }
    return failures;
}

// Serialises a caller's progress and counts.
class Counter {
public:
    Counter(const Progress& progress, std::string what, std::size_t total)
        : progress_(progress), what_(std::move(what)), total_(total) {}
    void step(const std::string& name) {
        std::lock_guard lock(mutex_);
        progress_(fmt::format("{} {} of {}: {}", what_, ++count_, total_, name));
    }

private:
    const Progress& progress_;
    std::string what_;
    std::size_t total_, count_ = 0;
    std::mutex mutex_;
};

struct Job {
    const Recipe* recipe;
    fs::path tree, object;
    bool patched;
};

Result<void> compile_all(const std::vector<Job>& jobs, const Toolchain& toolchain,
                         const Progress& progress, const std::stop_token& stop) {
    Counter counter(progress, "Compiling", jobs.size());
    return for_each(jobs.size(), toolchain.jobs, stop, [&](std::size_t i) -> Result<void> {
        const Job& job = jobs[i];
        counter.step(job.recipe->object + (job.patched ? " (patched)" : ""));
        std::error_code ec;
        if (fs::exists(job.object, ec))
            return {};
        auto r = compile_object(*job.recipe, job.tree, job.object, toolchain, stop);
        if (!r && job.patched)
            return fail(blame_patch(r.error()));
        return r;
    });
}

Result<LineMap> map_lines(const Trees& trees, const std::vector<ChangedFile>& changed,
                          const std::stop_token& stop) {
    LineMap lines;
    for (const ChangedFile& c : changed) {
        if (c.how != ChangedFile::How::edited)
            continue;
        auto hunks = compare_files(trees.original / c.path, trees.patched / c.path, stop);
        if (!hunks)
            return fail(hunks);
        lines.add(fs::path(c.path).lexically_relative("xen").string(), std::move(*hunks));
    }
    return lines;
}

// A source that differs, and that a recipe compiles, is a unit that was looked at. "Nothing to
// patch" is not said before this holds.
Findings check_selection(const Trees& t, const std::vector<ChangedFile>& changed,
                         const Selection& s) {
    auto has = [](const std::vector<Unit>& units, const std::string& object) {
        return std::any_of(units.begin(), units.end(),
                           [&](const Unit& u) { return u.object == object; });
    };
    Findings lost;
    for (const auto* recipes : {&t.original_recipes, &t.patched_recipes})
        for (const auto& [object, recipe] : *recipes)
            for (const ChangedFile& c : changed)
                if (c.path == "xen/" + recipe.source && !has(s.affected, object)
                    && !has(s.unchanged, object))
                    lost.push_back(internal_fault(
                        "units.lost",
                        fmt::format("{} differs and is compiled to {}, which was not examined.",
                                    c.path, object)));
    return lost;
}

Finding nothing_affected(const Build& build) {
    std::string files;
    for (const std::string& f : build.trees.patched_files)
        files += (files.empty() ? "" : ", ") + f;
    return refusal(
        "patch.no-unit-affected",
        fmt::format("Nothing that this configuration compiles depends on the patch's changes ({}).",
                    files),
        "There is nothing to live-patch, unless this is not the hypervisor's configuration.");
}

// Units that differ between the source as given and with the patches of the payloads below, and
// that the patches on top do not touch.
Result<void> add_units_below(Build& build, const Progress& progress, const std::stop_token& stop) {
    Trees lower = build.trees;
    lower.patched = lower.original;
    lower.patched_recipes = lower.original_recipes;
    lower.original = lower.prepared;
    lower.original_recipes = lower.prepared_recipes;
    auto changed = compare_trees(lower.original, lower.patched);
    if (!changed)
        return fail(changed);
    auto selection = select_units(lower, *changed, progress, stop);
    if (!selection)
        return fail(selection);
    for (Unit& unit : selection->affected) {
        const bool known =
            std::any_of(build.units.begin(), build.units.end(),
                        [&](const CompiledUnit& c) { return c.unit.object == unit.object; });
        if (known || !find(lower.patched_recipes, unit.object))
            continue;
        unit.reasons = {"is changed by a payload below"};
        build.units.push_back({std::move(unit), {}, {}, true});
    }
    std::sort(build.units.begin(), build.units.end(),
              [](const auto& a, const auto& b) { return a.unit.object < b.unit.object; });
    return {};
}

} // namespace

Result<Build> plan_build(const Request& request, const Progress& progress,
                         const std::stop_token& stop) {
    Build build;
    auto trees = prepare_trees(request, progress, stop, build.findings);
    if (!trees)
        return fail(trees);
    build.trees = std::move(*trees);
    const Trees& t = build.trees;
    auto changed = compare_trees(t.original, t.patched);
    if (!changed)
        return fail(changed);
    build.changed = std::move(*changed);
    auto lines = map_lines(t, build.changed, stop);
    if (!lines)
        return fail(lines);
    build.lines = std::move(*lines);
    auto selection = select_units(t, build.changed, progress, stop);
    if (!selection)
        return fail(selection);
    if (Findings lost = check_selection(t, build.changed, *selection); !lost.empty())
        return fail(std::move(lost));
    for (Unit& unit : selection->affected)
        build.units.push_back({std::move(unit), {}, {}, false});
    build.unchanged = std::move(selection->unchanged);
    if (build.units.empty())
        return fail(nothing_affected(build));
    if (t.original != t.prepared)
        if (auto ok = add_units_below(build, progress, stop); !ok)
            return fail(ok);
    append(build.findings, std::move(selection->findings));
    return build;
}

Result<Build> build_units(const Request& request, const Progress& progress,
                          const std::stop_token& stop) {
    auto build = plan_build(request, progress, stop);
    if (!build)
        return build;
    const Trees& t = build->trees;
    std::vector<Job> jobs;
    for (CompiledUnit& c : build->units) {
        if (const Recipe* r = find(t.original_recipes, c.unit.object)) {
            c.original = t.original_objects / c.unit.object;
            jobs.push_back({r, t.original, c.original, false});
        }
        if (c.below) {
            c.patched = c.original;
            continue;
        }
        if (const Recipe* r = find(t.patched_recipes, c.unit.object)) {
            c.patched = t.patched_objects / c.unit.object;
            jobs.push_back({r, t.patched, c.patched, true});
        }
    }
    if (auto r = compile_all(jobs, t.toolchain, progress, stop); !r)
        return fail(r);
    return build;
}

Result<fs::path> compile_whole(const Build& build, const Unit& unit, const std::stop_token& stop) {
    const Trees& t = build.trees;
    const Recipe* recipe = find(t.original_recipes, unit.object);
    if (!recipe || !splits_sections(*recipe))
        return fs::path();
    const fs::path object = t.original_objects / (unit.object + ".whole");
    std::error_code ec;
    if (fs::exists(object, ec))
        return object;
    if (auto r = compile_object(*recipe, t.original, object, t.toolchain, stop, Sections::as_xen);
        !r)
        return fail(r);
    return object;
}

Result<fs::path> compile_stable(const Build& build, const Unit& unit, const std::stop_token& stop) {
    const Trees& t = build.trees;
    auto moves = [&](const ChangedFile& c) {
        return build.lines.moves(fs::path(c.path).lexically_relative("xen").string());
    };
    const Recipe* recipe = find(t.patched_recipes, unit.object);
    if (!recipe || std::none_of(build.changed.begin(), build.changed.end(), moves))
        return fs::path();
    const fs::path entry = t.patched.parent_path() / "stable";
    auto lock = cache::open_entry(entry, stop, [&]() -> Result<void> {
        if (auto r = copy_prepared(t.patched, entry / "tree", stop); !r)
            return r;
        for (const ChangedFile& c : build.changed) {
            if (!moves(c) || c.path.ends_with(".S"))
                continue;
            auto text = read_text(t.patched / c.path);
            auto hunks = compare_files(t.original / c.path, t.patched / c.path, stop);
            if (!text || !hunks)
                return fail(text ? hunks.error() : text.error());
            if (auto r = write_file(entry / "tree" / c.path, with_stable_lines(*text, *hunks)); !r)
                return r;
        }
        return {};
    });
    if (!lock)
        return fail(lock);
    const fs::path object = entry / "objects" / unit.object;
    std::error_code ec;
    if (fs::exists(object, ec))
        return object;
    if (auto r = compile_object(*recipe, entry / "tree", object, t.toolchain, stop); !r)
        return fail(blame_patch(r.error()));
    return object;
}

} // namespace xlp::build
