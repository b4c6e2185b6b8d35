// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/plan/assess.h"

#include "tools/xlp/plan/choose.h"
#include "tools/xlp/plan/decide.h"

#include <algorithm>
#include <fmt/format.h>
#include <iterator>
#include <map>
#include <set>

namespace xlp::host {
namespace {

using Ids = std::set<std::string>;
using AnswerKind = manifest::Answer::Kind;

bool has(const std::vector<std::string>& list, const std::string& word) {
    return std::find(list.begin(), list.end(), word) != list.end();
}

class Assessor {
public:
    Assessor(const Stack& host, const Evidence& e) : host_(host), e_(e) {
        for (const Installed& i : host.applied)
            claims_.add(i.about);
        for (const Bundle* b : e.target)
            claims_.add(b->about);
    }

    Assessment run(const std::vector<manifest::Manifest>& whole_store) {
        from_index();
        from_payloads();
        from_store(whole_store);
        doubts();
        sum_up();
        return std::move(a_);
    }

private:
    bool revoked(const Installed& i) const { return e_.index && e_.index->revokes(i.sha256); }

    // The payload in effect that has this fix, if its content proves it.
    const Installed* fixing(const manifest::Answer& a) const {
        for (const Installed& i : host_.applied) {
            if (!i.certain || revoked(i) || has(i.about.partial, a.advisory))
                continue;
            if (i.sha256 == a.sha256
                || (has(i.about.advisories, a.advisory) && claims_.of(i.about).count(a.build_id)))
                return &i;
        }
        return nullptr;
    }

    Standing standing(const manifest::Answer& a) const {
        Standing s{a.advisory, a.cves, Standing::State::safe, {}};
        switch (a.kind) {
        case AnswerKind::in_build:
            s.how = "fixed in this build";
            break;
        case AnswerKind::not_concerned:
            s.how = "does not affect this build: " + a.why;
            break;
        case AnswerKind::reboot:
            s.state = Standing::State::reboot;
            s.how = "cannot be live-patched: reboot into " + a.version;
            break;
        case AnswerKind::payload:
            if (const Installed* i = fixing(a)) {
                s.how = "fixed by " + i->payload.name;
            } else {
                s.state = Standing::State::open;
                s.how = "needs " + (a.name.empty() ? a.build_id : a.name);
            }
        }
        return s;
    }

    void from_index() {
        if (e_.index)
            for (const manifest::Answer& a : e_.index->answers)
                standings_[a.advisory] = standing(a);
    }

    // What the index does not speak of.
    void from_payloads() {
        std::vector<const manifest::Manifest*> certain;
        for (const Installed& i : host_.applied) {
            if (!i.certain || revoked(i))
                continue;
            certain.push_back(&i.about);
            cves_.insert(i.about.cves.begin(), i.about.cves.end());
        }
        fixed_ = fixed_by(certain);
        for (const Installed& i : host_.applied)
            for (const std::string& advisory : i.about.advisories) {
                if (standings_.count(advisory))
                    continue;
                const bool safe = fixed_.count(advisory);
                const bool part = has(i.about.partial, advisory);
                standings_[advisory] = {advisory,
                                        {},
                                        safe ? Standing::State::safe : Standing::State::unknown,
                                        (safe   ? "fixed by "
                                         : part ? "only partly fixed by "
                                                : "reportedly fixed by ")
                                            + i.payload.name};
            }
    }

    void from_store(const std::vector<manifest::Manifest>& whole_store) {
        Ids in_effect, known;
        for (const Installed& i : host_.applied) {
            in_effect.insert(i.about.build_id);
            in_effect.merge(claims_.of(i.about));
        }
        for (const Bundle* b : e_.target) {
            if (in_effect.count(b->about.build_id))
                continue;
            a_.missing.push_back(b);
            for (const std::string& advisory : fixed_by({&b->about}))
                if (!standings_.count(advisory)
                    || standings_[advisory].state == Standing::State::unknown)
                    standings_[advisory] = {
                        advisory, {}, Standing::State::open, "needs " + b->about.name};
        }
        for (const manifest::Manifest& m : whole_store)
            for (const std::string& advisory : m.advisories)
                if (!standings_.count(advisory) && known.insert(advisory).second)
                    a_.elsewhere.push_back(advisory);
        std::sort(a_.elsewhere.begin(), a_.elsewhere.end());
    }

    void doubts() {
        const auto doubt = [&](std::string why) { a_.doubts.push_back(std::move(why)); };
        if (!e_.index)
            doubt("There is no trustworthy index for this hypervisor.");
        else if (!e_.current)
            doubt("The index for this hypervisor has expired.");
        if (e_.rejected)
            doubt(fmt::format("{} of the store's payloads cannot be used.", e_.rejected));
        if (!e_.unreachable.empty())
            doubt(fmt::format("{} of the store's payloads depend on something that is missing.",
                              e_.unreachable.size()));
        if (e_.ambiguous)
            doubt("The store's payloads exclude each other.");
        for (const Installed& i : host_.applied)
            if (!i.certain)
                doubt(fmt::format("{} cannot be identified by its content.", i.payload.name));
            else if (revoked(i))
                doubt(fmt::format("The payload {} has been revoked.", i.payload.name));
    }

    void sum_up() {
        for (auto& [advisory, s] : standings_) {
            if (s.state == Standing::State::open || s.state == Standing::State::reboot)
                a_.open.push_back(advisory);
            if (s.state == Standing::State::reboot)
                a_.reboot.push_back(advisory);
            a_.standings.push_back(s);
        }
        a_.fixed.assign(fixed_.begin(), fixed_.end());
        a_.fixed_cves.assign(cves_.begin(), cves_.end());
        if (!a_.open.empty() || !a_.missing.empty())
            a_.is_protected = false;
        else if (a_.doubts.empty())
            a_.is_protected = true;
    }

    const Stack& host_;
    const Evidence& e_;
    Claims claims_;
    std::map<std::string, Standing> standings_;
    Ids fixed_, cves_;
    Assessment a_;
};

} // namespace

const char* to_string(Standing::State s) {
    switch (s) {
    case Standing::State::safe:
        return "safe";
    case Standing::State::open:
        return "open";
    case Standing::State::reboot:
        return "reboot";
    case Standing::State::unknown:
        break;
    }
    return "unknown";
}

const Standing* Assessment::find(const std::string& advisory) const {
    for (const Standing& s : standings)
        if (s.advisory == advisory)
            return &s;
    return nullptr;
}

Assessment assess(const Stack& host, const Evidence& e,
                  const std::vector<manifest::Manifest>& whole_store) {
    return Assessor(host, e).run(whole_store);
}

} // namespace xlp::host
