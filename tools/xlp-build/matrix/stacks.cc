// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-build/matrix/stacks.h"

#include "payload/manifest/manifest.h"
#include "tools/xlp-build/matrix/before.h"

#include <algorithm>
#include <set>

namespace xlp::build {

namespace fs = std::filesystem;

namespace {

using Words = std::vector<std::string>;

// Of a recipe's arguments those that speak of advisories: pairs of option and value.
void add_claims(Words& to, const Words& from) {
    for (std::size_t i = 0; i + 1 < from.size(); i += 2)
        if (from[i] == "--advisory" || from[i] == "--cve")
            to.insert(to.end(), {from[i], from[i + 1]});
}

std::vector<fs::path> payloads_below(const std::vector<fs::path>& given) {
    std::set<fs::path> found;
    std::error_code error;
    for (const fs::path& path : given)
        if (!fs::is_directory(path, error))
            found.insert(path);
        else
            for (fs::recursive_directory_iterator it(path, error), end; !error && it != end;
                 it.increment(error))
                if (it->path().extension() == ".livepatch")
                    found.insert(it->path());
    return {found.begin(), found.end()};
}

// Build-ids of the payloads published for this hypervisor.
Result<std::set<std::string>> published_for(const std::string& xen,
                                            const std::vector<fs::path>& given) {
    std::set<std::string> ids;
    for (const fs::path& file : payloads_below(given)) {
        auto m = manifest::describe_file(file);
        if (!m)
            return fail(m);
        if (m->xen_build_id == xen)
            ids.insert(m->build_id);
    }
    return ids;
}

// What stacks are made of: the payloads of one branch.
using Members = std::vector<const MatrixRow*>;

MatrixCase stacked(const MatrixRow& on, std::string name) {
    MatrixCase c;
    c.branch = on.about.branch;
    c.name = std::move(name);
    c.recipe = on.about.recipe;
    c.xtf = on.about.xtf;
    return c;
}

class Stacker {
public:
    Stacker(const Stacks& stacks, const Clone& clone, const MatrixSettings& settings,
            const std::stop_token& stop)
        : stacks_(stacks), clone_(clone), settings_(settings), stop_(stop) {}

    Result<void> run(const Members& members) {
        if (stacks_.chain)
            if (auto ok = chain(members); !ok)
                return ok;
        if (stacks_.cumulative)
            return cumulative(members);
        return {};
    }

    std::vector<MatrixRow> rows; // new ones

private:
    Result<void> add(const MatrixCase& c) {
        auto row = run_case(c, clone_, settings_, stop_);
        if (!row)
            return fail(row);
        rows.push_back(std::move(*row));
        // alone each applied: here that is no property of the base, and somebody has to act
        if (rows.back().verdict == "does not apply")
            rows.back().verdict = "conflicts";
        return {};
    }

    Result<void> chain(const Members& members) {
        std::vector<PayloadBelow> below = {{members[0]->payload, members[0]->patches}};
        for (std::size_t i = 1; i < members.size(); ++i) {
            MatrixCase c = stacked(*members[i], "chain-" + members[i]->about.name);
            c.recipe->patches = members[i]->patches;
            for (const PayloadBelow& b : below) // what two fixes need is there from the first on
                c.recipe->patches = without(c.recipe->patches, b.patches);
            if (c.recipe->patches.empty()) {
                c.decided = "fixed";
                c.why = "The payloads below contain all of its patches.";
            }
            c.recipe->below = below;
            if (auto ok = add(c); !ok)
                return ok;
            if (rows.back().verdict == "payload")
                below.push_back({rows.back().payload, rows.back().patches});
        }
        return {};
    }

    // All payloads of the branch, and those published before, are superseded.
    Result<void> cumulative(const Members& members) {
        MatrixCase c = stacked(*members[0], "cumulative");
        PatchRecipe& r = *c.recipe;
        r.patches.clear();
        r.words.clear();
        r.probe.clear(); // each speaks of one fix
        r.log.clear();
        c.xtf.clear();
        std::string xen;
        std::set<std::string> superseded;
        auto supersede = [&](const MatrixRow& row) -> Result<void> {
            auto m = manifest::describe_file(row.payload);
            if (!m)
                return fail(m);
            xen = m->xen_build_id;
            superseded.insert(m->build_id);
            return {};
        };
        for (const MatrixRow* row : members) {
            const std::vector<fs::path> more = without(row->patches, r.patches);
            r.patches.insert(r.patches.end(), more.begin(), more.end());
            r.cpus = std::max(r.cpus, row->about.recipe->cpus);
            add_claims(r.words, row->about.recipe->words);
            c.xtf.insert(c.xtf.end(), row->about.xtf.begin(), row->about.xtf.end());
            if (auto ok = supersede(*row); !ok)
                return ok;
        }
        for (const MatrixRow& row : rows)
            if (row.verdict == "payload")
                if (auto ok = supersede(row); !ok)
                    return ok;
        auto published = published_for(xen, stacks_.published);
        if (!published)
            return fail(published);
        superseded.merge(*published);
        for (const std::string& id : superseded)
            r.words.insert(r.words.end(), {"--supersedes", id});
        return add(c);
    }

    const Stacks& stacks_;
    const Clone& clone_;
    const MatrixSettings& settings_;
    const std::stop_token& stop_;
};

} // namespace

Result<void> run_stacks(std::vector<MatrixRow>& rows, const Stacks& stacks, const Clone& clone,
                        const MatrixSettings& settings, const std::stop_token& stop) {
    std::map<std::string, Members> branches;
    for (const MatrixRow& row : rows)
        if (row.verdict == "payload" && row.about.recipe)
            branches[row.about.branch].push_back(&row);
    std::vector<MatrixRow> more;
    for (const auto& [branch, members] : branches) {
        Stacker stacker(stacks, clone, settings, stop);
        auto ok = stacker.run(members);
        std::move(stacker.rows.begin(), stacker.rows.end(), std::back_inserter(more));
        if (!ok) {
            std::move(more.begin(), more.end(), std::back_inserter(rows));
            return ok;
        }
    }
    std::move(more.begin(), more.end(), std::back_inserter(rows));
    return {};
}

} // namespace xlp::build
