// SPDX-License-Identifier: GPL-2.0-only
// Which of the payloads that a store offers belong on a hypervisor, and in what order. Pure.
#pragma once

#include "payload/base/result.h"
#include "tools/xlp/plan/bundle.h"

#include <set>
#include <string>
#include <vector>

namespace xlp::host {

// What a store offers to one hypervisor.
struct Offer {
    std::vector<Bundle> good;
    // Files that are there and could not be taken: unreadable, not signed as demanded, misplaced,
    // unfit, or refused by the hypervisor a moment ago.
    std::vector<std::string> rejected;
    std::vector<std::string> left_out; // build-ids, held or revoked: known, and not wanted
    bool folder = true;                // the folder is there and can be read
    // Nothing is hidden from us: what is not offered is not there.
    bool whole() const { return folder && rejected.empty(); }
};

// Which build-ids supersede which: a payload's `supersedes`, and what those supersede in turn.
class Claims {
public:
    void add(const manifest::Manifest& m);
    // All whose fixes this payload contains; not itself.
    std::set<std::string> of(const manifest::Manifest& m) const;

private:
    std::vector<std::pair<std::string, std::vector<std::string>>> claims_;
};

struct Choice {
    std::vector<const Bundle*> chain; // bottom first; the candidates must outlive it
    bool ambiguous = false;           // it ends where the next payload is ambiguous
    std::vector<const Bundle*> unreachable;
    Findings findings; // store.ambiguous, store.unreachable
};

// The stack that the candidates make on this hypervisor. Only what can be reached counts, also as
// superseding others: a payload whose place below is empty takes nothing away. Where several stacks
// are possible, that is taken which contains or supersedes all others; if there is none, as much as
// they have in common.
Choice choose(const Offer&, const std::string& xen_build_id);

} // namespace xlp::host
