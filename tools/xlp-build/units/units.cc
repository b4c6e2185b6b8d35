// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-build/units/units.h"

#include "payload/base/file.h"
#include "tools/xlp-build/source/tree.h"
#include "tools/xlp-build/units/includes.h"

#include <algorithm>
#include <map>

namespace xlp::build {

namespace fs = std::filesystem;

namespace {

bool is_source(const fs::path& p) {
    const fs::path e = p.extension();
    return e == ".c" || e == ".h" || e == ".S";
}

struct Stamp {
    std::uintmax_t size = 0;
    fs::file_time_type time;

    bool operator==(const Stamp&) const = default;
};

// Regular sources below xen/, by path relative to the root.
Result<std::map<std::string, Stamp>> sources_of(const fs::path& tree) {
    std::map<std::string, Stamp> files;
    std::error_code ec;
    auto it = fs::recursive_directory_iterator(tree / "xen", ec);
    for (; !ec && it != fs::end(it); it.increment(ec))
        if (!it->is_symlink() && it->is_regular_file() && is_source(it->path()))
            files[it->path().lexically_relative(tree).string()] = {it->file_size(),
                                                                   it->last_write_time()};
    if (ec)
        return fail(environment("cache.unusable", "The prepared tree cannot be read.", {},
                                {.file = tree.string()}));
    return files;
}

void add(std::vector<std::string>& list, const std::string& item) {
    if (std::find(list.begin(), list.end(), item) == list.end())
        list.push_back(item);
}

std::string resolved(const fs::path& tree, const std::string& source) {
    std::error_code ec;
    fs::path real = fs::canonical(tree / "xen" / source, ec);
    return ec ? source : real.lexically_relative(tree / "xen").string();
}

} // namespace

Result<std::vector<ChangedFile>> compare_trees(const fs::path& original, const fs::path& patched) {
    auto old_files = sources_of(original);
    auto new_files = sources_of(patched);
    if (!old_files)
        return fail(old_files);
    if (!new_files)
        return fail(new_files);
    std::vector<ChangedFile> changed;
    for (const auto& [path, stamp] : *new_files) {
        auto old = old_files->find(path);
        if (old == old_files->end()) {
            changed.push_back({path, ChangedFile::How::added});
        } else if (old->second != stamp) {
            auto a = read_text(original / path), b = read_text(patched / path);
            if (!a || !b)
                return fail(a ? b.error() : a.error());
            if (*a != *b)
                changed.push_back({path, ChangedFile::How::edited});
        }
    }
    for (const auto& [path, stamp] : *old_files)
        if (!new_files->count(path))
            changed.push_back({path, ChangedFile::How::removed});
    std::sort(changed.begin(), changed.end(),
              [](const ChangedFile& a, const ChangedFile& b) { return a.path < b.path; });
    return changed;
}

Unit unit_of(const Recipe& recipe, const fs::path& tree) {
    return {resolved(tree, recipe.source),
            recipe.object,
            recipe.assembly(),
            recipe.init_only,
            recipe.boot_code(),
            {}};
}

std::vector<Candidate> candidates(const fs::path& original, const Recipes& original_recipes,
                                  const fs::path& patched, const Recipes& patched_recipes,
                                  const std::vector<ChangedFile>& changed) {
    std::map<std::string, Candidate> found;
    auto look = [&](const fs::path& tree, const Recipes& recipes) {
        IncludeGraph graph(tree);
        for (const auto& [object, recipe] : recipes) {
            const Closure closure = graph.closure(recipe);
            const std::string source = "xen/" + resolved(tree, recipe.source);
            for (const ChangedFile& c : changed) {
                if (!closure.files.count(c.path) && !closure.computed)
                    continue;
                Candidate& candidate = found.try_emplace(object).first->second;
                candidate.object = object;
                candidate.itself |= c.path == source;
                add(candidate.files, c.path);
                if (closure.by_assembler.count(c.path))
                    add(candidate.by_assembler, c.path);
            }
        }
    };
    look(original, original_recipes);
    look(patched, patched_recipes);
    std::vector<Candidate> list;
    list.reserve(found.size());
    for (auto& [object, candidate] : found)
        list.push_back(std::move(candidate));
    return list;
}

} // namespace xlp::build
