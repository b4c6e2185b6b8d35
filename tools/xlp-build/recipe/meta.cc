// SPDX-License-Identifier: GPL-2.0-only
// What programs publish and keep: the .meta file of an advisory, xsa.json, a queue's series file.
#include "payload/base/file.h"
#include "payload/base/hash.h"
#include "tools/xlp-build/recipe/import.h"
#include "tools/xlp-build/recipe/located.h"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>

namespace xlp::build {

namespace fs = std::filesystem;

namespace {

std::optional<unsigned> number_of(const Json& value) {
    if (value.is_number_unsigned() && value.get<std::uint64_t>() < 1000000)
        return value.get<unsigned>();
    static const std::regex form("(?:XSA-)?([0-9]{1,6})");
    std::smatch m;
    const std::string text = value.is_string() ? value.get<std::string>() : std::string();
    if (std::regex_match(text, m, form))
        return static_cast<unsigned>(std::stoul(m[1].str()));
    return std::nullopt;
}

// One .meta file.
class Meta {
public:
    Meta(const LocatedJson& document, fs::path file, const ImportContext& context)
        : document_(document), file_(std::move(file)), context_(context) {}

    Result<Imported> read() {
        const Json& d = document_.value;
        const auto number = d.contains("XSA") ? number_of(d["XSA"]) : std::nullopt;
        if (!number)
            return fail(bad_input("recipe.malformed", "It has no numeric `XSA'.", {}, where("")));
        recipe_.number = *number;
        recipe_.file = file_;
        only(d, "", {"XSA", "SupportedVersions", "Trees", "Recipes"});
        auto recipes = d.find("Recipes");
        if (recipes == d.end() || !recipes->is_object())
            return fail(
                bad_input("recipe.malformed", "It has no `Recipes' object.", {}, where("")));
        for (const auto& [version, one] : recipes->items())
            branch(version, one, "/Recipes/" + pointer_step(version));
        result_.recipes.push_back(std::move(recipe_));
        return std::move(result_);
    }

private:
    Where where(const std::string& pointer) const {
        return {file_.string(), {}, {}, document_.line(pointer)};
    }
    void tell(const std::string& pointer, std::string why) {
        result_.findings.push_back(warning("recipe.not-understood", std::move(why),
                                           "Read it, and correct the recipe manually.",
                                           where(pointer)));
    }
    void only(const Json& object, const std::string& at, const std::set<std::string>& known) {
        for (const auto& [key, value] : object.items())
            if (!known.contains(key))
                tell(at + "/" + pointer_step(key), fmt::format("Unknown key `{}'.", key));
    }
    void concern(const std::string& what) {
        auto& list = recipe_.concerns;
        if (std::find(list.begin(), list.end(), what) == list.end())
            list.push_back(what);
    }

    void branch(const std::string& version, const Json& one, const std::string& at) {
        static const std::regex form("master|[0-9]+\\.[0-9]+");
        if (!std::regex_match(version, form) || !one.is_object() || !one.contains("Recipes")
            || !one["Recipes"].is_object())
            return tell(at, fmt::format("`{}' is not a branch with `Recipes'.", version));
        only(one, at, {"XenVersion", "Recipes"});
        if (one.contains("XenVersion") && one["XenVersion"] != version)
            tell(at + "/XenVersion",
                 fmt::format("`{}' is listed as Xen {}.", version, one["XenVersion"].dump()));
        for (const auto& [tree, recipe] : one["Recipes"].items()) {
            const std::string place = at + "/Recipes/" + pointer_step(tree);
            if (tree == "xen")
                fix(version, recipe, place);
            else if (tree.starts_with("qemu"))
                concern("qemu");
            else if (tree.starts_with("linux"))
                concern("linux");
            else
                tell(place, fmt::format("Unknown tree `{}'.", tree));
        }
    }

    void fix(const std::string& version, const Json& recipe, const std::string& at) {
        if (!recipe.is_object())
            return tell(at, "This is not an object.");
        only(recipe, at, {"StableRef", "Prereqs", "Patches"});
        BranchFix f;
        prerequisites(f, recipe, at);
        static const std::regex id("[0-9a-f]{40}");
        if (recipe.contains("StableRef")) {
            const Json& ref = recipe["StableRef"];
            if (ref.is_string() && std::regex_match(ref.get<std::string>(), id))
                f.patches_for = ref.get<std::string>();
            else
                tell(at + "/StableRef", fmt::format("{} is not a commit.", ref.dump()));
        }
        patches(f, recipe, at);
        if (!f.patches.empty())
            recipe_.branches[version] = std::move(f);
    }

    // Advisories that go before, in order; null and an empty list say that there are none.
    void prerequisites(BranchFix& f, const Json& recipe, const std::string& at) {
        auto list = recipe.find("Prereqs");
        if (list == recipe.end() || list->is_null())
            return;
        if (!list->is_array())
            return tell(at + "/Prereqs", "`Prereqs' is not a list.");
        for (std::size_t i = 0; i < list->size(); ++i) {
            if (auto number = number_of((*list)[i]))
                f.needs.push_back(fmt::format("XSA-{}", *number));
            else if (!(*list)[i].is_null())
                tell(fmt::format("{}/Prereqs/{}", at, i),
                     fmt::format("{} is not an advisory.", (*list)[i].dump()));
        }
    }

    void patches(BranchFix& f, const Json& recipe, const std::string& at) {
        auto list = recipe.find("Patches");
        if (list == recipe.end() || !list->is_array())
            return tell(at, "There is no `Patches' list.");
        for (std::size_t i = 0; i < list->size(); ++i) {
            const std::string place = fmt::format("{}/Patches/{}", at, i);
            if (!(*list)[i].is_string()) {
                tell(place, "A patch is not a string.");
                continue;
            }
            std::string pattern = (*list)[i].get<std::string>();
            if (pattern.ends_with('/'))
                pattern += '*';
            for (PublishedPatch& p :
                 find_patches(pattern, context_, where(place), result_.findings))
                f.patches.push_back(std::move(p));
        }
    }

    const LocatedJson& document_;
    fs::path file_;
    const ImportContext& context_;
    AdvisoryRecipe recipe_;
    Imported result_;
};

std::string text_of(const Json& object, const char* key) {
    auto it = object.find(key);
    return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

// One entry of xsa.json. An advisory that is not public has no title there.
void index_entry(const Json& one, const fs::path& file, Imported& result) {
    static const std::regex day("([0-9]{4}-[0-9]{2}-[0-9]{2}).*");
    AdvisoryRecipe r;
    const auto number =
        one.is_object() && one.contains("xsa") ? number_of(one["xsa"]) : std::nullopt;
    if (!number) {
        result.findings.push_back(warning("recipe.not-understood", "An entry has no numeric `xsa'.",
                                          {}, {file.string(), {}, {}, 0}));
        return;
    }
    r.number = *number;
    r.file = file;
    r.title = text_of(one, "title");
    std::smatch m;
    if (const std::string time = text_of(one, "public_time"); std::regex_match(time, m, day))
        r.published = m[1].str();
    for (const Json& cve : one.value("cve", Json::array()))
        if (cve.is_string())
            r.cves.push_back(cve.get<std::string>());
    if (!r.title.empty())
        result.recipes.push_back(std::move(r));
}

// "xsa480.patch" and "0001-xsa480-x86.patch" say it by name, others by what is written in them.
std::set<unsigned> advisories_of(const std::string& name, const std::string& text) {
    static const std::regex form("xsa-?([0-9]{2,6})", std::regex::icase);
    std::smatch m;
    if (std::regex_search(name, m, form))
        return {static_cast<unsigned>(std::stoul(m[1].str()))};
    const std::size_t end = text.find("\ndiff ");
    return read_naming(text.substr(0, end)).advisories;
}

} // namespace

Result<Imported> import_meta(const std::string& text, const fs::path& file,
                             const ImportContext& context) {
    auto document = parse_located(text, file);
    if (!document)
        return fail(document);
    return Meta(*document, file, context).read();
}

Result<Imported> import_index(const std::string& text, const fs::path& file) {
    const Json j = Json::parse(text, nullptr, false);
    const Json* list = nullptr;
    if (j.is_array() && !j.empty() && j.front().is_object() && j.front().contains("xsas"))
        list = &j.front()["xsas"];
    else if (j.is_object() && j.contains("xsas"))
        list = &j["xsas"];
    else if (j.is_array())
        list = &j;
    if (!list || !list->is_array())
        return fail(bad_input("recipe.unknown-kind", "This is not a list of advisories.",
                              "An xsa.json needs a list `xsas'.", {file.string(), {}, {}, 0}));
    Imported result;
    for (const Json& one : *list)
        index_entry(one, file, result);
    return result;
}

Result<Imported> import_series(const std::string& text, const fs::path& file,
                               const std::string& branch) {
    Imported result;
    std::map<unsigned, AdvisoryRecipe> all;
    std::istringstream in(text);
    unsigned line = 0;
    for (std::string entry; std::getline(in, entry);) {
        ++line;
        entry.resize(std::min(entry.size(), entry.find('#')));
        const Where where{file.string(), {}, {}, line};
        std::istringstream parts(entry);
        std::string name;
        if (!(parts >> name))
            continue;
        auto patch = read_text(file.parent_path() / name);
        if (!patch) {
            result.findings.push_back(
                warning("recipe.not-understood",
                        fmt::format("{} is not next to the series file.", name), {}, where));
            continue;
        }
        const auto numbers = advisories_of(name, *patch);
        if (numbers.empty())
            result.findings.push_back(note("recipe.no-advisory",
                                           fmt::format("{} does not belong to an advisory.", name),
                                           {}, where));
        for (unsigned number : numbers) {
            AdvisoryRecipe& r = all[number];
            r.number = number;
            r.file = file;
            r.branches[branch].patches.push_back({name, sha256_hex(as_bytes(*patch))});
        }
    }
    for (auto& [number, r] : all)
        result.recipes.push_back(std::move(r));
    return result;
}

} // namespace xlp::build
