// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-build/recipe/git.h"

#include "tools/common/process.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sstream>

namespace xlp::build {

namespace fs = std::filesystem;

namespace {

struct Commit {
    std::string id, day, subject;
    std::vector<std::string> files;
    Naming naming;
};

// One branch, as far as advisories go.
struct Branch {
    std::string name, ref, fork;
    std::vector<Commit> own;                    // since it left master, oldest first
    std::vector<Commit> before;                 // on master until then
    std::map<std::string, std::string> release; // by commit: the first release that has it
};

class Git {
public:
    Git(fs::path folder, std::stop_token stop)
        : folder_(std::move(folder)), stop_(std::move(stop)) {}

    Result<std::string> run(std::vector<std::string> arguments) const {
        Command c;
        c.argv = {"git", "-C", folder_.string()};
        c.argv.insert(c.argv.end(), arguments.begin(), arguments.end());
        auto outcome = run_command(c, stop_);
        if (!outcome)
            return fail(outcome);
        if (!outcome->ok())
            return fail(bad_input("recipe.clone",
                                  fmt::format("git {} failed: {}", arguments.front(),
                                              outcome->err.empty() ? "nothing" : outcome->err),
                                  "Check that the directory is a clone of Xen and has the branch.",
                                  {folder_.string(), {}, {}, 0}));
        return std::move(outcome->out);
    }

    // A branch of the clone's own, or else of its origin.
    Result<std::string> ref(const std::string& branch) const {
        for (const std::string& ref : {"refs/heads/" + branch, "refs/remotes/origin/" + branch})
            if (run({"rev-parse", "--verify", "--quiet", ref}))
                return ref;
        return fail(bad_input("recipe.clone", fmt::format("The clone has no branch `{}'.", branch),
                              "Fetch it: git fetch origin " + branch + ".",
                              {folder_.string(), {}, {}, 0}));
    }

private:
    fs::path folder_;
    std::stop_token stop_;
};

std::vector<std::string> lines(const std::string& text) {
    std::vector<std::string> list;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);)
        if (!line.empty())
            list.push_back(line);
    return list;
}

// Commits of a range that name an advisory, oldest first.
Result<std::vector<Commit>> commits(const Git& git, const std::string& range,
                                    const std::string& since) {
    std::vector<std::string> arguments = {"log",
                                          "--reverse",
                                          "--topo-order",
                                          "--no-merges",
                                          "--name-only",
                                          "-E",
                                          "-i",
                                          "--grep=xsa-[0-9]+|cve-[0-9]+",
                                          "--format=%x01%H%x02%cs%x02%s%x02%B%x02"};
    if (!since.empty())
        arguments.push_back("--since=" + since);
    arguments.push_back(range);
    auto text = git.run(arguments);
    if (!text)
        return fail(text);
    std::vector<Commit> list;
    std::istringstream in(*text);
    std::string record;
    std::getline(in, record, '\1');
    while (std::getline(in, record, '\1')) {
        std::istringstream parts(record);
        Commit c;
        std::string message, files;
        std::getline(parts, c.id, '\2');
        std::getline(parts, c.day, '\2');
        std::getline(parts, c.subject, '\2');
        std::getline(parts, message, '\2');
        std::getline(parts, files, '\1');
        c.naming = read_naming(message);
        c.files = lines(files);
        list.push_back(std::move(c));
    }
    return list;
}

Result<Branch> read_branch(const Git& git, const std::string& name, const std::string& since) {
    Branch b;
    b.name = name;
    auto ref = git.ref("stable-" + name);
    if (!ref)
        return fail(ref);
    b.ref = *ref;
    auto master = git.ref("master");
    if (!master)
        return fail(master);
    auto fork = git.run({"merge-base", *master, b.ref});
    if (!fork)
        return fail(fork);
    b.fork = words(*fork).front();
    auto own = commits(git, b.fork + ".." + b.ref, "");
    if (!own)
        return fail(own);
    b.own = std::move(*own);
    auto before = commits(git, b.fork, since);
    if (!before)
        return fail(before);
    b.before = std::move(*before);
    auto tags = git.run({"tag", "--list", "--sort=version:refname", "RELEASE-" + name + ".*"});
    if (!tags)
        return fail(tags);
    for (const std::string& tag : lines(*tags)) {
        auto ids = git.run({"rev-list", b.fork + ".." + tag});
        if (!ids)
            return fail(ids);
        for (const std::string& id : lines(*ids))
            b.release.emplace(id, tag.substr(8));
    }
    return b;
}

// The advisory of a CVE, from the commits that name both.
std::map<std::string, std::set<unsigned>> advisories_of_cves(const std::vector<Branch>& branches) {
    std::map<std::string, std::set<unsigned>> map;
    for (const Branch& b : branches)
        for (const auto* list : {&b.own, &b.before})
            for (const Commit& c : *list)
                for (const std::string& cve : c.naming.cves)
                    map[cve].insert(c.naming.advisories.begin(), c.naming.advisories.end());
    return map;
}

bool is_of(const Commit& c, unsigned advisory,
           const std::map<std::string, std::set<unsigned>>& by_cve) {
    if (!c.naming.advisories.empty())
        return c.naming.advisories.contains(advisory);
    return std::any_of(c.naming.cves.begin(), c.naming.cves.end(), [&](const std::string& cve) {
        auto it = by_cve.find(cve);
        return it != by_cve.end() && it->second == std::set<unsigned>{advisory};
    });
}

void insert_sorted(std::vector<std::string>& list, const std::string& value) {
    auto it = std::lower_bound(list.begin(), list.end(), value);
    if (it == list.end() || *it != value)
        list.insert(it, value);
}

bool starts_with_any(const std::string& path, std::initializer_list<const char*> prefixes) {
    return std::any_of(prefixes.begin(), prefixes.end(),
                       [&](const char* p) { return path.starts_with(p); });
}

struct Gathering {
    AdvisoryRecipe recipe;
    std::set<std::string> files;
};

void take(Gathering& g, const Commit& c) {
    AdvisoryRecipe& r = g.recipe;
    for (const std::string& cve : c.naming.cves)
        insert_sorted(r.cves, cve);
    g.files.insert(c.files.begin(), c.files.end());
    if (r.committed.empty() || c.day < r.committed)
        r.committed = c.day;
}

// A branch's part. Commits of master are named only on the first branch that began with them: for
// later ones they are as old as the branch.
void take_branch(Gathering& g, const Branch& b, bool began_earlier,
                 const std::map<std::string, std::set<unsigned>>& by_cve, bool& began) {
    BranchFix fix;
    std::vector<const Commit*> own, before;
    for (const Commit& c : b.own)
        if (is_of(c, g.recipe.number, by_cve))
            own.push_back(&c);
    for (const Commit& c : b.before)
        if (is_of(c, g.recipe.number, by_cve))
            before.push_back(&c);
    began = !before.empty();
    const auto& list = own.empty() ? before : own;
    if (list.empty())
        return;
    for (const Commit* c : list)
        take(g, *c);
    if (own.empty())
        fix.fixed_in = b.name + ".0";
    if (!own.empty() || !began_earlier)
        for (const Commit* c : list)
            fix.commits.push_back(c->id);
    if (!own.empty())
        if (auto release = b.release.find(own.back()->id); release != b.release.end())
            fix.fixed_in = release->second;
    if (g.recipe.title.empty() || !own.empty())
        g.recipe.title = list.front()->subject;
    g.recipe.branches[b.name] = std::move(fix);
}

Finding not_understood(const GitImport& from, const Branch& b, const Commit& c, std::string why) {
    return warning(
        "recipe.not-understood",
        fmt::format("Commit {} of branch {} ({}): {}", c.id.substr(0, 12), b.name, c.subject, why),
        "Review it, and add it to the recipe manually if it is part of the fix.",
        {from.clone.string(), {}, {}, 0});
}

void tell_not_understood(const GitImport& from, const std::vector<Branch>& branches,
                         const std::map<std::string, std::set<unsigned>>& by_cve,
                         Findings& findings) {
    for (const Branch& b : branches)
        for (const Commit& c : b.own) {
            if (!c.naming.advisories.empty())
                continue;
            for (const std::string& cve : c.naming.cves) {
                const std::set<unsigned>& of = by_cve.at(cve);
                if (of.size() != 1)
                    findings.push_back(not_understood(
                        from, b, c,
                        fmt::format("it is {}, and no commit identifies a single advisory for it.",
                                    cve)));
            }
            if (c.naming.cves.empty() && !c.naming.mentioned.empty()) {
                Finding f = not_understood(
                    from, b, c,
                    fmt::format("it mentions XSA-{}, but does not say that it is part of the fix.",
                                fmt::join(c.naming.mentioned, ", XSA-")));
                f.severity = Severity::note;
                findings.push_back(std::move(f));
            }
        }
}

Result<std::vector<std::string>> branches_of(const GitImport& from, const Git& git) {
    if (!from.branches.empty())
        return from.branches;
    auto refs = git.run({"for-each-ref", "--format=%(refname:lstrip=-1)", "refs/heads/stable-*",
                         "refs/remotes/origin/stable-*"});
    if (!refs)
        return fail(refs);
    std::vector<std::string> names;
    for (const std::string& ref : lines(*refs))
        if (const std::string name = ref.substr(7); !branch_less(name, "4.17"))
            insert_sorted(names, name);
    return names;
}

} // namespace

std::vector<std::string> concerns_of(const std::set<std::string>& files) {
    bool hypervisor = false, tools = false, other = false, x86 = true, arm = true;
    for (const std::string& f : files) {
        if (starts_with_any(f, {"xen/"})) {
            hypervisor = true;
            x86 = x86
                  && starts_with_any(
                      f, {"xen/arch/x86/", "xen/include/asm-x86/", "xen/drivers/passthrough/vtd/",
                          "xen/drivers/passthrough/amd/", "xen/drivers/passthrough/x86/",
                          "xen/include/public/arch-x86/"});
            arm = arm
                  && starts_with_any(f, {"xen/arch/arm/", "xen/include/asm-arm/",
                                         "xen/drivers/passthrough/arm/",
                                         "xen/include/public/arch-arm"});
        } else if (starts_with_any(f, {"tools/", "stubdom/"})) {
            tools = true;
        } else {
            other = true;
        }
    }
    std::vector<std::string> list;
    for (const auto& [holds, name] : {std::pair{hypervisor, "hypervisor"},
                                      {hypervisor && x86, "x86"},
                                      {hypervisor && arm, "arm"},
                                      {tools, "tools"},
                                      {!hypervisor && !tools && other, "other"}})
        if (holds)
            list.emplace_back(name);
    return list;
}

Result<GitImported> import_git(const GitImport& from, const std::stop_token& stop) {
    const Git git(from.clone, stop);
    auto names = branches_of(from, git);
    if (!names)
        return fail(names);
    std::sort(names->begin(), names->end(), branch_less);
    std::vector<Branch> branches;
    Findings missing;
    for (const std::string& name : *names) {
        auto branch = read_branch(git, name, from.since);
        if (branch)
            branches.push_back(std::move(*branch));
        else
            append(missing, branch.error());
    }
    if (!missing.empty())
        return fail(std::move(missing));
    const auto by_cve = advisories_of_cves(branches);
    std::set<unsigned> numbers;
    for (const Branch& b : branches)
        for (const auto* list : {&b.own, &b.before})
            for (const Commit& c : *list)
                numbers.insert(c.naming.advisories.begin(), c.naming.advisories.end());
    GitImported result;
    for (unsigned number : numbers) {
        if (!from.advisories.empty() && !from.advisories.contains(number))
            continue;
        Gathering g;
        g.recipe.number = number;
        bool began_earlier = false;
        for (const Branch& b : branches) {
            bool began = false;
            take_branch(g, b, began_earlier, by_cve, began);
            began_earlier = began_earlier || began;
        }
        g.recipe.concerns = concerns_of(g.files);
        result.recipes.push_back(std::move(g.recipe));
    }
    tell_not_understood(from, branches, by_cve, result.findings);
    return result;
}

Findings check_commits(const AdvisoryRecipe& r, const fs::path& clone,
                       const std::stop_token& stop) {
    const Git git(clone, stop);
    Findings findings;
    for (const auto& [name, fix] : r.branches) {
        const Where where{
            r.file.string(), {}, {}, r.branch_lines.contains(name) ? r.branch_lines.at(name) : 1};
        auto ref = git.ref(name == "master" ? name : "stable-" + name);
        if (!ref) {
            for (Finding& f : ref.error()) {
                f.where = where;
                findings.push_back(std::move(f));
            }
            continue;
        }
        for (const auto* list : {&fix.prerequisites, &fix.commits})
            for (const std::string& id : *list)
                if (!git.run({"cat-file", "-e", id + "^{commit}"}))
                    findings.push_back(
                        bad_input("recipe.commit", fmt::format("The clone has no commit {}.", id),
                                  "Fetch the branch, or correct the recipe.", where));
                else if (!git.run({"merge-base", "--is-ancestor", id, *ref}))
                    findings.push_back(bad_input(
                        "recipe.commit", fmt::format("Commit {} is not on branch {}.", id, name),
                        "Use the commit that is on the branch.", where));
    }
    return findings;
}

} // namespace xlp::build
