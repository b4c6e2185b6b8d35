// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-build/matrix/recipes.h"

#include "payload/base/file.h"
#include "payload/base/json.h"
#include "tools/common/cli.h"
#include "tools/xlp-build/source/tree.h"

#include <fmt/format.h>
#include <glob.h>
#include <nlohmann/json.hpp>

namespace xlp::build {

namespace fs = std::filesystem;

namespace {

// A document of which every member is asked for with the type that it should have.
Result<Json> read_document(const fs::path& file, const char* code) {
    auto text = read_text(file);
    if (!text)
        return fail(text);
    Json document = Json::parse(*text, nullptr, false);
    if (!document.is_object())
        return fail(bad_input(code, "This is not a JSON object.", {}, {file.string(), {}, {}, 0}));
    return document;
}

std::string text(const Json& object, const char* member) {
    auto it = object.find(member);
    return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

unsigned number(const Json& object, const char* member, unsigned otherwise) {
    auto it = object.find(member);
    return it != object.end() && it->is_number_unsigned() ? it->get<unsigned>() : otherwise;
}

std::vector<std::string> texts(const Json& object, const char* member) {
    std::vector<std::string> list;
    if (auto it = object.find(member); it != object.end() && it->is_array())
        for (const Json& one : *it)
            if (one.is_string())
                list.push_back(one.get<std::string>());
    return list;
}

// The file of that name, or the last of those that a pattern stands for.
fs::path only_file(const fs::path& pattern) {
    glob_t found{};
    fs::path file;
    if (glob(pattern.c_str(), 0, nullptr, &found) == 0)
        file = found.gl_pathv[found.gl_pathc - 1];
    globfree(&found);
    return file;
}

// The files below a folder; what is not there stays empty.
BaseHypervisor locate(const fs::path& folder, const Json& files) {
    auto file = [&](const char* role) {
        const std::string name = text(files, role);
        return name.empty() ? fs::path() : only_file(folder / name);
    };
    return {file("source"),
            file("config"),
            file("xen_syms"),
            file("hypervisor"),
            file("kernel"),
            {},
            {}};
}

std::string missing(const BaseHypervisor& base) {
    std::string roles;
    for (const auto& [role, path] :
         {std::pair{"source", base.source}, {"config", base.config}, {"xen_syms", base.xen_syms}})
        if (path.empty())
            roles += fmt::format("{}{}", roles.empty() ? "" : ", ", role);
    return roles;
}

} // namespace

Result<Branches> read_branches(const fs::path& list,
                               const std::map<std::string, fs::path>& folders) {
    auto document = read_document(list, "matrix.branches");
    if (!document)
        return fail(document);
    auto entries = document->find("list");
    if (entries == document->end() || !entries->is_array())
        return fail(bad_input("matrix.branches", "It has no `list' of branches.",
                              "ci/README.md describes the format.", {list.string(), {}, {}, 0}));
    Branches branches;
    for (const Json& b : *entries) {
        const std::string name = b.is_object() ? text(b, "name") : std::string();
        if (name.empty())
            return fail(bad_input("matrix.branches", "A branch has no name.",
                                  "ci/README.md describes the format.",
                                  {list.string(), {}, {}, 0}));
        if (!b.contains("files"))
            continue;
        const bool named = folders.contains(name);
        auto folder = folders.find(named ? name : "");
        const fs::path home =
            folder == folders.end() ? fs::absolute(list).parent_path() : folder->second;
        BaseHypervisor base = locate(home, b["files"]);
        const std::string lacking = missing(base);
        if (lacking.empty())
            branches.emplace(name, std::move(base));
        else if (named)
            return fail(bad_input(
                "matrix.branches",
                fmt::format("The directory of branch {} lacks files that the list names: {}.", name,
                            lacking),
                "scripts/fetch-xen creates such a directory for Debian's Xen.",
                {home.string(), {}, {}, 0}));
    }
    return branches;
}

Result<MatrixCase> read_recipe(const fs::path& folder, const Branches& branches) {
    const fs::path file = folder / "recipe.json";
    auto bad = [&](std::string why, std::string remedy) {
        return fail(bad_input("matrix.recipe", std::move(why), std::move(remedy),
                              {file.string(), {}, {}, 0}));
    };
    auto document = read_document(file, "matrix.recipe");
    if (!document)
        return fail(document);
    const Json& d = *document;
    MatrixCase c;
    c.branch = text(d, "branch");
    c.name = text(d, "name");
    if (c.name.empty())
        c.name = fs::absolute(folder / ".").parent_path().filename();
    auto branch = branches.find(c.branch);
    if (branch == branches.end())
        return bad(fmt::format("The files for its branch `{}' are unknown.", c.branch),
                   "Specify the list of branches with --branches, and a directory with the "
                   "branch's files with --xen.");
    if (!texts(d, "needs").empty())
        return bad("It needs other recipes applied below it; a matrix tests each recipe alone.",
                   "Build it with xlp-build payload --below, and test the stack with xlp-qa run.");
    PatchRecipe r;
    r.hypervisor = branch->second;
    for (const std::string& patch : texts(d, "patches"))
        r.patches.push_back(folder / patch);
    if (r.patches.empty())
        return bad("It names no patches.", "xen-patches/README.md describes the format.");
    if (const std::string advisory = text(d, "advisory"); !advisory.empty())
        r.words.insert(r.words.end(), {"--advisory", advisory});
    for (const std::string& cve : texts(d, "cve"))
        r.words.insert(r.words.end(), {"--cve", cve});
    c.title = text(d, "title");
    if (!c.title.empty())
        r.words.insert(r.words.end(), {"--title", c.title});
    if (const std::string probe = text(d, "probe"); !probe.empty())
        r.probe = folder / probe;
    r.cycles = number(d, "cycles", r.cycles);
    r.cpus = number(d, "cpus", r.cpus);
    r.log = text(d, "log");
    c.xtf = texts(d, "xtf");
    c.recipe = std::move(r);
    return c;
}

} // namespace xlp::build
