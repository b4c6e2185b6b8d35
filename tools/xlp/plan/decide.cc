// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/plan/decide.h"

#include "tools/xlp/hypervisor/names.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <iterator>
#include <set>

namespace xlp::host {
namespace {

using Ids = std::set<std::string>;

Where where(const Installed& i) {
    return {{}, printable(i.payload.name), {}, 0};
}

std::vector<std::string> minus(const Ids& a, const Ids& b) {
    std::vector<std::string> rest;
    std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(rest));
    return rest;
}

class Planner {
public:
    Planner(const Stack& host, const Choice& choice, const Offer& offer, const Wishes& wishes)
        : host_(host), target_(choice.chain), choice_(choice), offer_(offer), wishes_(wishes),
          kept_(common()) {
        for (const Bundle& b : offer.good)
            claims_.add(b.about);
        for (const Installed& i : host.applied)
            claims_.add(i.about);
    }

    Decision run() {
        if (kept_ == host_.applied.size()) {
            extend(kept_);
            return std::move(d_);
        }
        if (kept_ == target_.size() && !wishes_.prune) {
            surplus();
            return std::move(d_);
        }
        d_.findings = objections();
        if (has_errors(d_.findings))
            return std::move(d_);
        const std::size_t first = needed();
        exchange(first);
        extend(kept_ + first);
        return std::move(d_);
    }

private:
    // How far the applied stack is the target already.
    std::size_t common() const {
        std::size_t n = 0;
        while (n < target_.size() && n < host_.applied.size() && host_.applied[n].known()
               && host_.applied[n].about.build_id == target_[n]->about.build_id)
            ++n;
        return n;
    }

    void surplus() {
        for (std::size_t i = kept_; i < host_.applied.size(); ++i)
            d_.findings.push_back(
                warning("store.surplus", "It is applied, and the store does not have it.",
                        "`xlp sync --prune' reverts it.", where(host_.applied[i])));
    }

    // Build-ids that the first `n` payloads above what is kept stand for.
    Ids covered_by(std::size_t n) const {
        Ids ids;
        for (std::size_t i = 0; i < kept_ + n; ++i) {
            ids.insert(target_[i]->about.build_id);
            ids.merge(claims_.of(target_[i]->about));
        }
        return ids;
    }

    Ids fixed_with(std::size_t n) const {
        std::vector<const manifest::Manifest*> all;
        for (std::size_t i = 0; i < kept_ + n; ++i)
            all.push_back(&target_[i]->about);
        return fixed_by(all);
    }

    Ids fixed_now() const {
        std::vector<const manifest::Manifest*> all;
        for (const Installed& i : host_.applied)
            all.push_back(&i.about);
        return fixed_by(all);
    }

    // Everything that speaks against taking down what is above kept_.
    Findings objections() const {
        Findings f;
        const std::size_t rest = target_.size() - kept_;
        const Ids covered = covered_by(rest);
        for (std::size_t i = kept_; i < host_.applied.size(); ++i)
            object_to_removal(host_.applied[i], covered, f);
        const bool lost_below = wishes_.prune && !choice_.unreachable.empty();
        if (!offer_.whole() || choice_.ambiguous || lost_below)
            f.push_back(refusal(
                "store.incomplete",
                offer_.folder ? fmt::format(
                    "The store has payloads that cannot be used ({}), so nothing is reverted.",
                    offer_.rejected.empty() ? "ambiguous or unreachable"
                                            : fmt::format("{}", fmt::join(offer_.rejected, ", ")))
                              : std::string("The store has no readable directory for this "
                                            "hypervisor, so nothing is reverted."),
                "Fix the store first; `xlp verify' says what is wrong with a payload."));
        const auto lost = minus(fixed_now(), fixed_with(rest));
        if (!lost.empty())
            f.push_back(weaker(fmt::format("The host would lose the fix for {}.",
                                           printable(fmt::format("{}", fmt::join(lost, ", "))))));
        return f;
    }

    Finding weaker(std::string why) const {
        if (wishes_.prune || wishes_.downgrade)
            return warning("store.weaker", why + " This was requested.");
        return refusal("store.weaker", std::move(why),
                       "If this is what you want: `xlp sync --prune'.");
    }

    void object_to_removal(const Installed& i, const Ids& covered, Findings& f) const {
        if (!i.known()) {
            f.push_back(refusal("store.unknown",
                                "Another tool applied it, and xlp cannot identify it: it is in the "
                                "way, and xlp does not revert it.",
                                "Revert and unload it manually, then sync again.", where(i)));
            return;
        }
        if (!i.certain && i.uploaded.empty() && !wishes_.prune && !wishes_.downgrade) {
            f.push_back(refusal("store.unknown",
                                "Another tool applied it, and only its own description tells what "
                                "it is; xlp does not revert it.",
                                "Revert and unload it manually, then sync again; or, if it is what "
                                "it says: `xlp sync --prune'.",
                                where(i)));
            return;
        }
        const Ids stands_for = claims_.of(i.about);
        const bool older =
            std::any_of(target_.begin() + static_cast<std::ptrdiff_t>(kept_), target_.end(),
                        [&](const Bundle* b) { return stands_for.count(b->about.build_id) > 0; });
        if (older && !wishes_.downgrade)
            f.push_back(
                refusal("store.older",
                        "It is applied, and supersedes what the store would put in its place.",
                        "To go back: `xlp sync --downgrade'.", where(i)));
        else if (!older && !covered.count(i.about.build_id) && !wishes_.prune)
            f.push_back(refusal("store.not-superseded",
                                "It is applied, and nothing in the store supersedes it.",
                                "To revert it: `xlp sync --prune'.", where(i)));
    }

    // The least of the target above kept_ that stands for all that is taken down.
    std::size_t needed() const {
        const std::size_t rest = target_.size() - kept_;
        const Ids covered = covered_by(rest), fixed = fixed_with(rest);
        for (std::size_t n = rest ? 1 : 0; n < rest; ++n) {
            const Ids have = covered_by(n);
            const bool all = std::all_of(host_.applied.begin() + static_cast<std::ptrdiff_t>(kept_),
                                         host_.applied.end(), [&](const Installed& i) {
                                             return have.count(i.about.build_id)
                                                    || !covered.count(i.about.build_id);
                                         });
            const auto lost = minus(fixed_now(), fixed_with(n));
            if (all && std::none_of(lost.begin(), lost.end(), [&](const std::string& a) {
                    return fixed.count(a);
                }))
                return n;
        }
        return rest;
    }

    Plan& stage() {
        // the words that allow to weaken the host are part of the trail
        d_.stages.push_back({std::string("sync") + (wishes_.prune ? " --prune" : "")
                                 + (wishes_.downgrade ? " --downgrade" : ""),
                             {},
                             true});
        return d_.stages.back();
    }

    static void step(Plan& p, Step::Kind k, const std::string& name) {
        p.steps.push_back({k, name});
    }

    bool taken(const std::string& name) const {
        const auto same = [&](const Installed& i) { return i.payload.name == name; };
        return std::any_of(host_.applied.begin(), host_.applied.end(), same)
               || std::any_of(host_.idle.begin(), host_.idle.end(), same) || given_.count(name);
    }

    // Makes sure that the payload is uploaded and fresh; gives the name it has.
    std::string bring(Plan& p, const Bundle& b) {
        std::string name = b.about.name;
        for (const Installed& i : host_.idle)
            if (i.known() && i.about.build_id == b.about.build_id) {
                // it may have run before and have data of its own, which only a new copy resets
                step(p, Step::Kind::unload, i.payload.name);
                p.steps.push_back({Step::Kind::upload, i.payload.name, b.blob});
                remember(p, i);
                return i.payload.name;
            }
        if (taken(name))
            name = name.substr(0, name_limit - 9) + "~" + b.about.build_id.substr(0, 8);
        given_.insert(name);
        p.steps.push_back({Step::Kind::upload, name, b.blob});
        return name;
    }

    void remember(Plan& p, const Installed& i) const {
        if (i.blob)
            p.known[i.payload.name] = i.blob;
    }

    // Each on its own: one that fails does not cost those below it.
    void extend(std::size_t from) {
        for (std::size_t i = from; i < target_.size(); ++i) {
            Plan& p = stage();
            const std::string name = bring(p, *target_[i]);
            step(p, Step::Kind::apply, name);
        }
    }

    // Takes down what is above kept_ and puts the next `n` of the target there. In one step where
    // that is possible: there is no moment then in which the host has neither.
    void exchange(std::size_t n) {
        Plan& p = stage();
        std::vector<std::string> names;
        for (std::size_t i = kept_; i < kept_ + n; ++i)
            names.push_back(bring(p, *target_[i]));
        const bool at_once = kept_ == 0 && n > 0 && wishes_.replace;
        if (at_once)
            step(p, Step::Kind::replace, names.front());
        else
            for (std::size_t i = host_.applied.size(); i-- > kept_;)
                step(p, Step::Kind::revert, host_.applied[i].payload.name);
        for (std::size_t i = at_once ? 1 : 0; i < names.size(); ++i)
            step(p, Step::Kind::apply, names[i]);
        for (std::size_t i = host_.applied.size(); i-- > kept_;) {
            step(p, Step::Kind::unload, host_.applied[i].payload.name);
            remember(p, host_.applied[i]);
        }
    }

    const Stack& host_;
    const std::vector<const Bundle*>& target_;
    const Choice& choice_;
    const Offer& offer_;
    const Wishes& wishes_;
    Claims claims_;
    std::size_t kept_;
    Ids given_; // names that uploads of these plans take
    Decision d_;
};

} // namespace

Ids fixed_by(const std::vector<const manifest::Manifest*>& all) {
    Ids fixed;
    for (const manifest::Manifest* m : all)
        for (const std::string& a : m->advisories)
            if (std::find(m->partial.begin(), m->partial.end(), a) == m->partial.end())
                fixed.insert(a);
    return fixed;
}

Decision decide(const Stack& host, const Choice& choice, const Offer& offer, const Wishes& wishes) {
    return Planner(host, choice, offer, wishes).run();
}

} // namespace xlp::host
