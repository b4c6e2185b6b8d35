// SPDX-License-Identifier: GPL-2.0-only
// From a file to a recipe, or to every fault of it.
#include "payload/base/file.h"
#include "tools/xlp-build/recipe/located.h"
#include "tools/xlp-build/recipe/recipe.h"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <regex>
#include <set>

namespace xlp::build {

namespace fs = std::filesystem;

namespace {

bool matches(const std::string& text, const char* pattern) {
    return std::regex_match(text, std::regex(pattern));
}

bool is_commit(const std::string& t) {
    return matches(t, "[0-9a-f]{40}");
}
bool is_sha256(const std::string& t) {
    return matches(t, "[0-9a-f]{64}");
}
bool is_cve(const std::string& t) {
    return matches(t, "CVE-[0-9]{4}-[0-9]{4,}");
}
bool is_advisory(const std::string& t) {
    return matches(t, "XSA-[1-9][0-9]*");
}
bool is_branch(const std::string& t) {
    return matches(t, "master|[0-9]+\\.[0-9]+");
}
bool is_release(const std::string& t) {
    return matches(t, "[0-9]+\\.[0-9]+\\.[0-9]+");
}
bool is_setting(const std::string& t) {
    return matches(t, "CONFIG_[A-Z0-9_]+=.+");
}
bool is_text(const std::string& t) {
    return !t.empty() && t.find('\n') == t.npos;
}

// A path that stays below the folder that it is taken in.
bool is_below(const std::string& t) {
    const fs::path p(t);
    return !t.empty() && p.is_relative()
           && std::none_of(p.begin(), p.end(), [](const fs::path& part) { return part == ".."; });
}

bool is_concern(const std::string& t) {
    const auto& names = concern_names();
    return std::find(names.begin(), names.end(), t) != names.end();
}

bool is_date(const std::string& t) {
    if (!matches(t, "[0-9]{4}-[0-9]{2}-[0-9]{2}"))
        return false;
    const std::chrono::year_month_day day{
        std::chrono::year(std::stoi(t.substr(0, 4))),
        std::chrono::month(static_cast<unsigned>(std::stoi(t.substr(5, 2)))),
        std::chrono::day(static_cast<unsigned>(std::stoi(t.substr(8, 2))))};
    return day.ok();
}

using Test = bool (*)(const std::string&);

// Reads the members of one object; what is wrong with them is kept, with its line.
class Reader {
public:
    Reader(const LocatedJson& document, std::string file, Findings& faults)
        : document_(document), file_(std::move(file)), faults_(faults) {}

    void fault(const std::string& pointer, std::string why, std::string remedy = {}) {
        faults_.push_back(bad_input("recipe.malformed", std::move(why), std::move(remedy),
                                    {file_, {}, {}, document_.line(pointer)}));
    }

    void only(const Json& object, const std::string& pointer, std::set<std::string> known) {
        for (const auto& [key, value] : object.items())
            if (!known.contains(key))
                fault(pointer + "/" + pointer_step(key), fmt::format("Unknown key `{}'.", key),
                      fmt::format("Known keys: {}.", fmt::join(known, ", ")));
    }

    void one(std::string& to, const Json& object, const std::string& pointer, const char* key,
             Test test, const char* form) {
        auto it = object.find(key);
        if (it != object.end())
            take(to, *it, pointer + "/" + key, key, test, form);
    }

    void list(std::vector<std::string>& to, const Json& object, const std::string& pointer,
              const char* key, Test test, const char* form) {
        auto it = object.find(key);
        if (it == object.end())
            return;
        const std::string at = pointer + "/" + key;
        if (!it->is_array())
            return fault(at, fmt::format("`{}' is not a list.", key));
        for (std::size_t i = 0; i < it->size(); ++i) {
            std::string text;
            const std::string place = fmt::format("{}/{}", at, i);
            if (!take(text, (*it)[i], place, key, test, form))
                continue;
            if (std::find(to.begin(), to.end(), text) != to.end())
                fault(place, fmt::format("`{}' is in `{}' twice.", text, key));
            to.push_back(std::move(text));
        }
    }

private:
    bool take(std::string& to, const Json& value, const std::string& at, const char* key, Test test,
              const char* form) {
        if (value.is_string() && test(value.get<std::string>())) {
            to = value.get<std::string>();
            return true;
        }
        fault(at, fmt::format("`{}' takes {}, not {}.", key, form, value.dump()));
        return false;
    }

    const LocatedJson& document_;
    std::string file_;
    Findings& faults_;
};

constexpr const char* commit_form = "a commit's 40 hexadecimal digits";
constexpr const char* advisory_form = "an advisory such as XSA-480";
constexpr const char* text_form = "one line of text";

void read_patches(Reader& reader, const Json& fix, const std::string& at, BranchFix& to) {
    auto patches = fix.find("patches");
    if (patches == fix.end())
        return;
    if (!patches->is_array())
        return reader.fault(at + "/patches", "`patches' is not a list.");
    for (std::size_t i = 0; i < patches->size(); ++i) {
        const std::string place = fmt::format("{}/patches/{}", at, i);
        const Json& patch = (*patches)[i];
        if (!patch.is_object()) {
            reader.fault(place, "A patch must be an object with `file' and `sha256'.");
            continue;
        }
        PublishedPatch p;
        reader.only(patch, place, {"file", "sha256"});
        reader.one(p.file, patch, place, "file", is_below,
                   "a path inside the directory of patches");
        reader.one(p.sha256, patch, place, "sha256", is_sha256, "64 hexadecimal digits");
        for (const char* key : {"file", "sha256"})
            if (!patch.contains(key))
                reader.fault(place, fmt::format("The patch has no `{}'.", key));
        to.patches.push_back(std::move(p));
    }
}

BranchFix read_fix(Reader& reader, const std::string& name, const Json& fix,
                   const std::string& at) {
    BranchFix to;
    if (!fix.is_object()) {
        reader.fault(at, fmt::format("Branch {} is not an object.", name));
        return to;
    }
    reader.only(fix, at,
                {"commits", "patches", "patches_for", "prerequisites", "needs", "fixed_in",
                 "not_affected"});
    reader.list(to.commits, fix, at, "commits", is_commit, commit_form);
    reader.list(to.prerequisites, fix, at, "prerequisites", is_commit, commit_form);
    reader.list(to.needs, fix, at, "needs", is_advisory, advisory_form);
    reader.one(to.patches_for, fix, at, "patches_for", is_commit, commit_form);
    reader.one(to.fixed_in, fix, at, "fixed_in", is_release, "a release such as 4.17.6");
    reader.one(to.not_affected, fix, at, "not_affected", is_text, text_form);
    read_patches(reader, fix, at, to);
    const bool has_fix = fix.contains("commits") || fix.contains("patches");
    if (fix.contains("not_affected") && (has_fix || fix.contains("fixed_in")))
        reader.fault(at, fmt::format("Branch {} is not affected, but has a fix.", name));
    if (!fix.contains("not_affected") && !has_fix && !fix.contains("fixed_in"))
        reader.fault(at, fmt::format("Branch {} has neither commits nor patches.", name),
                     "Add `not_affected' with the reason or `fixed_in' with the release, or omit "
                     "the branch.");
    if (!to.fixed_in.empty() && name != "master" && !to.fixed_in.starts_with(name + "."))
        reader.fault(at + "/fixed_in",
                     fmt::format("{} is not a release of branch {}.", to.fixed_in, name));
    for (const char* key : {"commits", "patches"})
        if (fix.contains(key) && fix[key].is_array() && fix[key].empty())
            reader.fault(at + "/" + key, fmt::format("`{}' is empty.", key));
    return to;
}

void read_branches(Reader& reader, const LocatedJson& document, AdvisoryRecipe& to) {
    auto branches = document.value.find("branches");
    if (branches == document.value.end())
        return;
    if (!branches->is_object())
        return reader.fault("/branches", "`branches' is not an object.");
    for (const auto& [name, fix] : branches->items()) {
        const std::string at = "/branches/" + pointer_step(name);
        if (!is_branch(name)) {
            reader.fault(at, fmt::format("`{}' is not a branch such as 4.17 or master.", name));
            continue;
        }
        to.branches[name] = read_fix(reader, name, fix, at);
        to.branch_lines[name] = document.line(at);
    }
}

void read_number(Reader& reader, const Json& value, AdvisoryRecipe& to) {
    std::string id;
    reader.one(id, value, "", "advisory", is_advisory, advisory_form);
    if (id.size() > 4 + 6)
        return reader.fault("/advisory", fmt::format("{} is not an advisory.", id));
    if (!id.empty())
        to.number = static_cast<unsigned>(std::stoul(id.substr(4)));
    const std::string name = to.file.filename().string();
    if (to.number && matches(name, "xsa-?[0-9]+\\.json") && name != to.file_name())
        reader.fault("/advisory", fmt::format("The file is named {} but is about {}.", name, id),
                     fmt::format("Rename it to {}.", to.file_name()));
}

} // namespace

const std::vector<std::string>& concern_names() {
    static const std::vector<std::string> names = {"hypervisor", "x86",   "arm",  "tools",
                                                   "qemu",       "linux", "other"};
    return names;
}

Result<AdvisoryRecipe> read_advisory(const fs::path& file) {
    auto text = read_text(file, 4U << 20);
    if (!text)
        return fail(text);
    auto document = parse_located(*text, file);
    if (!document)
        return fail(document);
    Findings faults = std::move(document->faults);
    Reader reader(*document, file.string(), faults);
    const Json& d = document->value;
    AdvisoryRecipe r;
    r.file = file;
    reader.only(d, "",
                {"recipe", "advisory", "cves", "title", "public", "committed", "concerns",
                 "branches", "config", "hooks", "xtf", "known"});
    for (const char* key : {"recipe", "advisory", "title", "concerns", "branches"})
        if (!d.contains(key))
            reader.fault("", fmt::format("`{}' is missing.", key),
                         "docs/recipes.md describes the format.");
    if (d.contains("recipe") && d["recipe"] != 2)
        reader.fault("/recipe",
                     fmt::format("`recipe' is {}; this version of xlp-build supports format 2.",
                                 d["recipe"].dump()));
    read_number(reader, d, r);
    reader.list(r.cves, d, "", "cves", is_cve, "a number such as CVE-2026-23554");
    reader.one(r.title, d, "", "title", is_text, text_form);
    reader.one(r.published, d, "", "public", is_date, "a day such as 2026-03-17");
    reader.one(r.committed, d, "", "committed", is_date, "a day such as 2026-03-17");
    reader.list(r.concerns, d, "", "concerns", is_concern,
                "hypervisor, x86, arm, tools, qemu, linux or other");
    reader.list(r.config, d, "", "config", is_setting, "a setting such as CONFIG_HVM=y");
    reader.list(r.hooks, d, "", "hooks", is_below, "a path inside the recipe's directory");
    reader.list(r.xtf, d, "", "xtf", is_text, "a test's name");
    reader.list(r.known, d, "", "known", is_text, text_form);
    read_branches(reader, *document, r);
    if (!faults.empty()) {
        std::stable_sort(faults.begin(), faults.end(), [](const Finding& a, const Finding& b) {
            return a.where.line < b.where.line;
        });
        return fail(std::move(faults));
    }
    return r;
}

} // namespace xlp::build
