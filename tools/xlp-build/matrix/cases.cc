// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-build/matrix/cases.h"

#include "payload/base/file.h"
#include "tools/common/process.h"
#include "tools/xlp-build/source/tree.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <set>
#include <sstream>

namespace xlp::build {

namespace fs = std::filesystem;

namespace {

std::vector<std::string> fields(std::string line) {
    if (line.ends_with('\r')) // lines may end as a spreadsheet writes them
        line.pop_back();
    std::vector<std::string> out;
    std::istringstream in(line);
    for (std::string field; std::getline(in, field, ',');)
        out.push_back(field);
    return out;
}

// "4.17.0" is a release's tag; anything else is a revision as it stands.
std::string revision(const std::string& text) {
    const bool release = std::all_of(
        text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c) != 0 || c == '.'; });
    return release ? "RELEASE-" + text : text;
}

Finding bad_list(const fs::path& list, unsigned line, std::string why) {
    return bad_input(
        "matrix.list", std::move(why),
        "The list needs columns branch, xsa and commits_in_order, named in its first line.",
        {list.string(), {}, {}, line});
}

} // namespace

Result<std::vector<MatrixCase>> read_cases(const fs::path& list) {
    auto text = read_text(list);
    if (!text)
        return fail(text);
    std::istringstream in(*text);
    std::string line;
    std::getline(in, line);
    std::map<std::string, std::size_t> columns;
    for (const std::string& name : fields(line))
        columns.emplace(name, columns.size());
    for (const char* needed : {"branch", "xsa", "commits_in_order"})
        if (!columns.contains(needed))
            return fail(bad_list(list, 1, fmt::format("There is no column `{}'.", needed)));
    std::vector<MatrixCase> cases;
    for (unsigned number = 2; std::getline(in, line); ++number) {
        if (words(line).empty())
            continue;
        const std::vector<std::string> row = fields(line);
        auto value = [&](const char* column) {
            auto it = columns.find(column);
            return it == columns.end() || it->second >= row.size() ? std::string()
                                                                   : row[it->second];
        };
        MatrixCase c;
        c.branch = value("branch");
        c.commits = words(value("commits_in_order"));
        if (c.branch.empty() || value("xsa").empty() || c.commits.empty())
            return fail(bad_list(list, number, "The line lacks a branch, a name or commits."));
        c.name = "xsa" + value("xsa");
        if (const std::string base = value("base"); !base.empty()) {
            c.bases = {revision(base)};
        } else {
            const auto tags = words(value("release_tags_on_which_it_applies"));
            if (!tags.empty() && tags.front() != "parent") // "parent of X"
                std::transform(tags.begin(), tags.end(), std::back_inserter(c.bases), revision);
            c.bases.push_back(c.commits.front() + "^");
        }
        cases.push_back(std::move(c));
    }
    return cases;
}

std::vector<std::vector<std::size_t>> rounds(const std::vector<MatrixCase>& cases) {
    std::vector<std::size_t> first, rest;
    std::set<std::string> branches;
    for (std::size_t i = 0; i < cases.size(); ++i)
        (cases[i].decided.empty() && branches.insert(cases[i].branch).second ? first : rest)
            .push_back(i);
    std::vector<std::vector<std::size_t>> list{std::move(first), std::move(rest)};
    std::erase_if(list, [](const auto& round) { return round.empty(); });
    return list;
}

Command Clone::command(std::vector<std::string> arguments) const {
    Command c;
    c.argv = {"git", "-C", folder_.string()};
    for (std::string& a : arguments)
        c.argv.push_back(std::move(a));
    return c;
}

Result<std::string> Clone::git(std::vector<std::string> arguments, const fs::path& output) const {
    Command c = command(std::move(arguments));
    c.output = output;
    auto outcome = run_command(c, stop_);
    if (!outcome)
        return fail(outcome);
    if (!outcome->ok())
        return fail(bad_input("matrix.revision",
                              fmt::format("git {} failed: {}", c.argv[3],
                                          outcome->err.empty() ? "nothing" : outcome->err),
                              "Check that it is a clone of Xen and has the branch.",
                              {folder_.string(), {}, {}, 0}));
    return std::move(outcome->out);
}

Result<std::string> Clone::resolve(const std::string& revision) const {
    auto id = git({"rev-parse", "--verify", "--quiet", "--end-of-options", revision + "^{commit}"});
    if (!id)
        return fail(bad_input(
            "matrix.revision", fmt::format("The clone has no commit `{}'.", revision),
            "Check that it is a clone of Xen and has the branch.", {folder_.string(), {}, {}, 0}));
    return words(*id).front();
}

Result<void> Clone::extract(const std::string& commit, const fs::path& to) const {
    const fs::path tar = to / ".xlp-archive.tar";
    if (auto made = git({"archive", "--format=tar", commit}, fs::absolute(tar)); !made)
        return fail(made);
    Command c;
    c.argv = {"tar", "-x", "-f", tar.string(), "-C", to.string()};
    auto outcome = run_command(c, stop_);
    std::error_code ignored;
    fs::remove(tar, ignored);
    if (!outcome)
        return fail(outcome);
    if (!outcome->ok())
        return fail(environment("file.unwritable",
                                fmt::format("The source cannot be unpacked: {}", outcome->err),
                                "Check the free space.", {to.string(), {}, {}, 0}));
    return {};
}

Result<void> Clone::write_patch(const std::string& commit, const fs::path& to) const {
    auto made = git({"format-patch", "-1", "--stdout", "--no-signature", commit, "--", "xen"},
                    fs::absolute(to));
    if (!made)
        return fail(made);
    return {};
}

bool Clone::contains(const std::string& revision, const std::string& commit) const {
    return git({"merge-base", "--is-ancestor", commit, revision}).has_value();
}

// In an index and an object store of our own, so that nothing is written to the clone.
Result<bool> Clone::takes(const std::string& commit, const std::vector<fs::path>& patches,
                          const fs::path& scratch) const {
    auto objects = git({"rev-parse", "--path-format=absolute", "--git-path", "objects"});
    if (!objects)
        return fail(objects);
    std::error_code error;
    fs::create_directories(scratch / "objects", error);
    Environment environment;
    environment.set("GIT_INDEX_FILE", fs::absolute(scratch / "index"));
    environment.set("GIT_OBJECT_DIRECTORY", fs::absolute(scratch / "objects"));
    environment.set("GIT_ALTERNATE_OBJECT_DIRECTORIES", words(*objects).front());
    std::vector<Command> steps = {command({"read-tree", commit})};
    for (const fs::path& p : patches)
        steps.push_back(command({"apply", "--cached", fs::absolute(p).string()}));
    for (Command& step : steps) {
        step.environment = environment;
        auto outcome = run_command(step, stop_);
        if (!outcome)
            return fail(outcome);
        if (!outcome->ok())
            return false;
    }
    return true;
}

} // namespace xlp::build
