// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-build/recipe/recipe.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>

namespace xlp::build {

namespace fs = std::filesystem;

namespace {

Finding at(const AdvisoryRecipe& r, const std::string& branch, const char* code, std::string why,
           std::string remedy) {
    auto line = r.branch_lines.find(branch);
    return bad_input(code, std::move(why), std::move(remedy),
                     {r.file.string(), {}, {}, line == r.branch_lines.end() ? 1 : line->second});
}

// Follows `needs` on one branch; a way that comes back to where it began is a cycle.
class Cycles {
public:
    Cycles(const std::map<std::string, const AdvisoryRecipe*>& all, std::string branch)
        : all_(all), branch_(std::move(branch)) {}

    void visit(const std::string& id, Findings& findings) {
        if (auto it = std::find(way_.begin(), way_.end(), id); it != way_.end()) {
            const std::vector<std::string> cycle(it, way_.end());
            findings.push_back(
                xlp::build::at(*all_.at(id), branch_, "recipe.cycle",
                               fmt::format("On branch {}, these need each other in a cycle: {}.",
                                           branch_, fmt::join(cycle, ", ")),
                               "Remove one of the dependencies."));
            return;
        }
        auto r = all_.find(id);
        if (r == all_.end() || !seen_.insert(id).second)
            return;
        auto fix = r->second->branches.find(branch_);
        if (fix == r->second->branches.end())
            return;
        way_.push_back(id);
        for (const std::string& next : fix->second.needs)
            visit(next, findings);
        way_.pop_back();
    }

private:
    const std::map<std::string, const AdvisoryRecipe*>& all_;
    std::string branch_;
    std::vector<std::string> way_;
    std::set<std::string> seen_;
};

Json fix_to_json(const BranchFix& f) {
    Json j = Json::object();
    auto list = [&](const char* key, const std::vector<std::string>& values) {
        if (!values.empty())
            j[key] = values;
    };
    auto one = [&](const char* key, const std::string& value) {
        if (!value.empty())
            j[key] = value;
    };
    list("needs", f.needs);
    list("prerequisites", f.prerequisites);
    list("commits", f.commits);
    for (const PublishedPatch& p : f.patches)
        j["patches"].push_back({{"file", p.file}, {"sha256", p.sha256}});
    one("patches_for", f.patches_for);
    one("fixed_in", f.fixed_in);
    one("not_affected", f.not_affected);
    return j;
}

} // namespace

bool AdvisoryRecipe::touches_hypervisor() const {
    return std::find(concerns.begin(), concerns.end(), "hypervisor") != concerns.end();
}

bool branch_less(const std::string& a, const std::string& b) {
    auto numbers = [](const std::string& name) {
        std::pair<unsigned long, unsigned long> n{~0UL, 0};
        if (const std::size_t dot = name.find('.'); dot != name.npos)
            n = {std::strtoul(name.c_str(), nullptr, 10),
                 std::strtoul(name.c_str() + dot + 1, nullptr, 10)};
        return n;
    };
    return std::pair(numbers(a), a) < std::pair(numbers(b), b);
}

std::vector<std::string> branch_names(const AdvisoryRecipe& r) {
    std::vector<std::string> names;
    for (const auto& [name, fix] : r.branches)
        names.push_back(name);
    std::sort(names.begin(), names.end(), branch_less);
    return names;
}

Findings check_together(const std::vector<AdvisoryRecipe>& recipes) {
    Findings findings;
    std::map<std::string, const AdvisoryRecipe*> all;
    std::set<std::string> branches;
    for (const AdvisoryRecipe& r : recipes) {
        if (auto [it, fresh] = all.emplace(r.id(), &r); !fresh)
            findings.push_back(bad_input(
                "recipe.twice", fmt::format("{} is also in {}.", r.id(), it->second->file.string()),
                "Keep one of them.", {r.file.string(), {}, {}, 1}));
        for (const auto& [name, fix] : r.branches)
            branches.insert(name);
    }
    for (const AdvisoryRecipe& r : recipes)
        for (const auto& [name, fix] : r.branches)
            for (const std::string& need : fix.needs) {
                std::error_code ignored;
                const fs::path beside = r.file.parent_path() / ("xsa-" + need.substr(4) + ".json");
                if (!all.contains(need) && !fs::exists(beside, ignored))
                    findings.push_back(
                        at(r, name, "recipe.needs",
                           fmt::format("Branch {} needs {}, which has no recipe.", name, need),
                           fmt::format("Add {} next to it.", beside.filename().string())));
            }
    for (const std::string& branch : branches) {
        Cycles cycles(all, branch);
        for (const auto& [id, r] : all)
            cycles.visit(id, findings);
    }
    return findings;
}

Json to_json(const AdvisoryRecipe& r) {
    Json j = {{"recipe", 2}, {"advisory", r.id()}};
    auto list = [&](const char* key, const std::vector<std::string>& values) {
        if (!values.empty())
            j[key] = values;
    };
    list("cves", r.cves);
    j["title"] = r.title;
    if (!r.published.empty())
        j["public"] = r.published;
    if (!r.committed.empty())
        j["committed"] = r.committed;
    j["concerns"] = r.concerns;
    list("config", r.config);
    list("hooks", r.hooks);
    list("xtf", r.xtf);
    list("known", r.known);
    j["branches"] = Json::object();
    for (const std::string& name : branch_names(r))
        j["branches"][name] = fix_to_json(r.branches.at(name));
    return j;
}

std::string recipe_text(const AdvisoryRecipe& r) {
    return to_json(r).dump(4) + "\n";
}

} // namespace xlp::build
