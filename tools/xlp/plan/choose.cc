// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/plan/choose.h"

#include "tools/xlp/hypervisor/names.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace xlp::host {
namespace {

using Chain = std::vector<const Bundle*>;

constexpr std::size_t most_chains = 1024; // a store has a handful

struct Possible {
    Chain chain;
    std::set<std::string> ids, covered; // of its payloads; and with what they supersede
    bool contains(const Possible& o) const {
        return std::includes(covered.begin(), covered.end(), o.ids.begin(), o.ids.end());
    }
    bool begins(const Possible& o) const {
        return chain.size() < o.chain.size()
               && std::equal(chain.begin(), chain.end(), o.chain.begin());
    }
};

// Every stack that starts at the hypervisor, shorter ones included.
class Chains {
public:
    Chains(const std::vector<Bundle>& candidates, const Claims& claims)
        : candidates_(candidates), claims_(claims) {}

    std::vector<Possible> from(const std::string& xen) {
        grow({}, xen);
        return std::move(all_);
    }

private:
    void grow(const Chain& below, const std::string& top) {
        for (const Bundle& b : candidates_) {
            const bool again = std::any_of(below.begin(), below.end(), [&](const Bundle* o) {
                return o->about.build_id == b.about.build_id;
            });
            if (b.about.depends != top || again || all_.size() == most_chains)
                continue;
            Possible p;
            p.chain = below;
            p.chain.push_back(&b);
            for (const Bundle* x : p.chain) {
                p.ids.insert(x->about.build_id);
                p.covered.insert(x->about.build_id);
                p.covered.merge(claims_.of(x->about));
            }
            const Chain next = p.chain;
            all_.push_back(std::move(p));
            grow(next, b.about.build_id);
        }
    }

    const std::vector<Bundle>& candidates_;
    const Claims& claims_;
    std::vector<Possible> all_;
};

// `better` stands for all that `p` has, and not the other way round.
bool yields(const Possible& p, const Possible& better) {
    return p.begins(better) || (better.contains(p) && !p.contains(better));
}

std::vector<const Possible*> best_of(const std::vector<Possible>& all) {
    std::vector<const Possible*> best;
    for (const Possible& p : all)
        if (std::none_of(all.begin(), all.end(), [&](const Possible& o) {
                return &o != &p && yields(p, o) && !yields(o, p);
            }))
            best.push_back(&p);
    return best;
}

Chain common_part(const std::vector<const Possible*>& several) {
    Chain common = several.front()->chain;
    for (const Possible* p : several) {
        const auto differ =
            std::mismatch(common.begin(), common.end(), p->chain.begin(), p->chain.end());
        common.erase(differ.first, common.end());
    }
    return common;
}

Finding ambiguous(const std::vector<const Possible*>& several, std::size_t at) {
    std::vector<std::string> names;
    names.reserve(several.size());
    for (const Possible* p : several)
        names.push_back(
            printable(p->chain[std::min(at, p->chain.size() - 1)]->file.filename().string()));
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return refusal(
        "store.ambiguous",
        fmt::format(
            "These payloads exclude each other, and none is declared to supersede the others: {}.",
            fmt::join(names, ", ")),
        "Remove all but one, list the others in its manifest's `supersedes', or create a link "
        "livepatch.livepatch to the one to use.",
        {several.front()->chain.front()->file.parent_path(), {}, {}, 0});
}

// One payload under two names is offered once.
bool offered_before(const Bundle& b, const std::vector<Bundle>& all) {
    for (const Bundle& o : all) {
        if (&o == &b)
            return false;
        if (o.blob->sha256 == b.blob->sha256)
            return true;
    }
    return false;
}

void note_unreachable(const Offer& offer, const std::set<std::string>& covered, Choice& c) {
    const std::set<std::string> out(offer.left_out.begin(), offer.left_out.end());
    for (const Bundle& b : offer.good) {
        if (covered.count(b.about.build_id) || offered_before(b, offer.good))
            continue;
        c.unreachable.push_back(&b);
        if (c.ambiguous && covered.count(b.about.depends))
            continue; // named in store.ambiguous
        const bool held = out.count(b.about.depends);
        c.findings.push_back(refusal(
            "store.unreachable",
            held ? "It depends on a payload that is held back."
                 : fmt::format(
                     "It depends on build-id {}, which is neither applied nor in the store.",
                     b.about.depends),
            held ? "" : "Install that payload as well.", {b.file, {}, {}, 0}));
    }
}

} // namespace

void Claims::add(const manifest::Manifest& m) {
    if (!m.supersedes.empty())
        claims_.push_back({m.build_id, m.supersedes});
}

std::set<std::string> Claims::of(const manifest::Manifest& m) const {
    std::set<std::string> all;
    std::vector<std::string> open = m.supersedes;
    while (!open.empty()) {
        const std::string id = open.back();
        open.pop_back();
        if (id == m.build_id || !all.insert(id).second)
            continue;
        for (const auto& [who, whom] : claims_)
            if (who == id)
                open.insert(open.end(), whom.begin(), whom.end());
    }
    return all;
}

Choice choose(const Offer& offer, const std::string& xen_build_id) {
    Choice c;
    Claims claims;
    for (const Bundle& b : offer.good)
        claims.add(b.about);
    const std::vector<Possible> all = Chains(offer.good, claims).from(xen_build_id);
    // the same payload in two files makes the same stack twice
    std::vector<const Possible*> best;
    for (const Possible* p : best_of(all))
        if (std::none_of(best.begin(), best.end(), [&](const Possible* o) {
                return std::equal(o->chain.begin(), o->chain.end(), p->chain.begin(),
                                  p->chain.end(), [](const Bundle* a, const Bundle* b) {
                                      return a->blob->sha256 == b->blob->sha256;
                                  });
            }))
            best.push_back(p);
    std::set<std::string> covered{xen_build_id};
    if (!best.empty()) {
        c.chain = common_part(best);
        c.ambiguous = best.size() > 1;
    }
    if (c.ambiguous)
        c.findings.push_back(ambiguous(best, c.chain.size()));
    for (const Bundle* b : c.chain) {
        covered.insert(b->about.build_id);
        covered.merge(claims.of(b->about));
    }
    note_unreachable(offer, covered, c);
    return c;
}

} // namespace xlp::host
