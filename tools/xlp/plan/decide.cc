// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/plan/decide.h"

#include "tools/xlp/hypervisor/names.h"

#include <algorithm>
#include <fmt/format.h>
#include <set>

namespace xlp::host {
namespace {

using Kind = Step::Kind;

// What other candidates supersede, directly or through one that is superseded itself.
std::set<std::string> superseded(const std::vector<Bundle>& candidates) {
    std::set<std::string> ids;
    for (const Bundle& b : candidates)
        for (const std::string& id : b.about.supersedes)
            if (id != b.about.build_id)
                ids.insert(id);
    return ids;
}

class Planner {
public:
    Planner(const Stack& host, const std::vector<const Bundle*>& target, const Wishes& wishes)
        : host_(host), target_(target), wishes_(wishes) {}

    Result<Plan> run(Findings& findings) {
        const std::size_t kept = common();
        const std::size_t applied = host_.applied.size();
        const bool surplus = kept == target_.size() && applied > kept;
        if (surplus && !wishes_.prune) {
            for (std::size_t i = kept; i < applied; ++i)
                findings.push_back(
                    warning("store.surplus", "It is applied, and the store does not have it.",
                            "`xlp sync --prune' takes it out of effect.", where(host_.applied[i])));
            return plan_;
        }
        if (applied > kept)
            if (auto ok = may_remove(kept); !ok)
                return fail(ok);
        if (applied > kept && kept == 0 && !target_.empty() && wishes_.replace)
            exchange();
        else
            rebuild(kept);
        return plan_;
    }

private:
    static Where where(const Installed& i) { return {{}, printable(i.payload.name), {}, 0}; }

    // How far the applied stack is the target already.
    std::size_t common() const {
        std::size_t n = 0;
        while (n < target_.size() && n < host_.applied.size() && host_.applied[n].known()
               && host_.applied[n].about.build_id == target_[n]->about.build_id)
            ++n;
        return n;
    }

    Result<void> may_remove(std::size_t from) const {
        Findings f;
        for (std::size_t i = from; i < host_.applied.size(); ++i)
            if (!host_.applied[i].known())
                f.push_back(refusal("store.unknown",
                                    "Another tool applied it, and xlp does not know what it is: it "
                                    "is in the way and will not be taken down.",
                                    "Revert and unload it by hand, then sync again.",
                                    where(host_.applied[i])));
        return f.empty() ? Result<void>() : tl::unexpected(f);
    }

    void step(Kind k, const std::string& name) { plan_.steps.push_back({k, name}); }

    bool taken(const std::string& name) const {
        const auto same = [&](const Installed& i) { return i.payload.name == name; };
        return std::any_of(host_.applied.begin(), host_.applied.end(), same)
               || std::any_of(host_.idle.begin(), host_.idle.end(), same) || given_.count(name);
    }

    // Makes sure that the payload is uploaded and fresh; gives the name it has.
    std::string bring(const Bundle& b) {
        std::string name = b.about.name;
        for (const Installed& i : host_.idle)
            if (i.known() && i.about.build_id == b.about.build_id) {
                // it may have run before and have data of its own, which only a new copy resets
                step(Kind::unload, i.payload.name);
                name = i.payload.name;
                plan_.steps.push_back({Kind::upload, name, b.blob});
                return name;
            }
        if (taken(name))
            name = name.substr(0, name_limit - 9) + "~" + b.about.build_id.substr(0, 8);
        given_.insert(name);
        plan_.steps.push_back({Kind::upload, name, b.blob});
        return name;
    }

    // One step takes the whole stack out and the first of the target in: there is no moment in
    // which the host has neither.
    void exchange() {
        const std::string first = bring(*target_[0]);
        std::vector<std::string> rest;
        for (std::size_t i = 1; i < target_.size(); ++i)
            rest.push_back(bring(*target_[i]));
        step(Kind::replace, first);
        for (const std::string& name : rest)
            step(Kind::apply, name);
        unload_from(0);
    }

    void rebuild(std::size_t kept) {
        std::vector<std::string> names;
        for (std::size_t i = kept; i < target_.size(); ++i)
            names.push_back(bring(*target_[i]));
        for (std::size_t i = host_.applied.size(); i-- > kept;)
            step(Kind::revert, host_.applied[i].payload.name);
        for (const std::string& name : names)
            step(Kind::apply, name);
        unload_from(kept);
    }

    void unload_from(std::size_t kept) {
        for (std::size_t i = host_.applied.size(); i-- > kept;)
            step(Kind::unload, host_.applied[i].payload.name);
    }

    const Stack& host_;
    const std::vector<const Bundle*>& target_;
    const Wishes& wishes_;
    std::set<std::string> given_; // names that uploads of this plan take
    Plan plan_{"sync", {}, true};
};

} // namespace

Result<std::vector<const Bundle*>> choose(const std::vector<Bundle>& candidates,
                                          const std::string& xen_build_id, Findings& findings) {
    const std::set<std::string> old = superseded(candidates);
    std::vector<const Bundle*> rest, chain;
    for (const Bundle& b : candidates)
        if (!old.count(b.about.build_id))
            rest.push_back(&b);
    for (std::string top = xen_build_id;;) {
        std::vector<const Bundle*> next;
        for (const Bundle* b : rest)
            if (b->about.depends == top)
                next.push_back(b);
        if (next.empty())
            break;
        if (next.size() > 1) {
            std::string names;
            for (const Bundle* b : next)
                names += (names.empty() ? "" : ", ") + b->file.filename().string();
            return fail(refusal("store.ambiguous",
                                fmt::format("These payloads stack on the same one below, and none "
                                            "says that it supersedes the others: {}.",
                                            names),
                                "Remove all but one, name the supersedes in its manifest, or make "
                                "a link livepatch.livepatch to the one to use.",
                                {next.front()->file.parent_path(), {}, {}, 0}));
        }
        chain.push_back(next.front());
        std::erase(rest, next.front());
        top = chain.back()->about.build_id;
    }
    for (const Bundle* b : rest)
        findings.push_back(warning(
            "store.unreachable",
            fmt::format("It stacks on a payload that the store does not offer (build-id {}).",
                        b->about.depends),
            "Install that payload as well.", {b->file, {}, {}, 0}));
    return chain;
}

Result<Decision> decide(const Stack& host, const std::vector<Bundle>& candidates,
                        const Identity& xen, const Wishes& wishes) {
    Decision d;
    auto target = choose(candidates, xen.build_id, d.findings);
    if (!target)
        return fail(target);
    d.target = std::move(*target);
    auto plan = Planner(host, d.target, wishes).run(d.findings);
    if (!plan)
        return fail(plan);
    d.plan = std::move(*plan);
    return d;
}

} // namespace xlp::host
