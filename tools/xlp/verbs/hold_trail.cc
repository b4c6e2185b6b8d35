// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/verbs/hold_trail.h"

#include "tools/xlp/disk/hold_words.h"
#include "tools/xlp/hypervisor/names.h"

#include <algorithm>
#include <fmt/format.h>

namespace xlp::host {
namespace {

struct Change {
    const char* operation; // what it comes from
    const char* step;      // "hold", "release"
    const std::string& xen;
};

void tell(const Trail& trail, const Change& c, const OnTrial& p) {
    if (!trail)
        return;
    const std::string who = !p.name.empty()       ? p.name
                            : !p.sha256.empty()   ? p.sha256
                            : !p.build_id.empty() ? p.build_id
                                                  : "every payload";
    trail({fmt::format("{}: {} {}", c.operation, c.step, printable(who)),
           {{"XLP_OPERATION", c.operation},
            {"XLP_STEP", c.step},
            {"XLP_PAYLOAD", p.name},
            {"XLP_SHA256", p.sha256},
            {"XLP_BUILD_ID", p.build_id},
            {"XLP_XEN_BUILD_ID", c.xen},
            {"XLP_RESULT", "done"}}});
}

// An id is a SHA-256 or a build-id.
OnTrial named_by(const std::string& id, const std::string& name) {
    const bool hash = id.size() == 64;
    return {name, hash ? id : "", hash || id.starts_with("name=") ? "" : id};
}

} // namespace

void tell_held(const Trail& trail, const AfterCrash& crash) {
    const Change change{"crash", "hold", crash.xen};
    if (crash.everything)
        tell(trail, change, {});
    for (const OnTrial& p : crash.held)
        tell(trail, change, p);
}

void tell_released(const Trail& trail, const std::vector<Hold>& holds, const std::string& xen) {
    const Change change{"sync --after-crash", "release", xen};
    for (const Hold& h : holds)
        tell(trail, change, h.everything() ? OnTrial() : named_by(h.id, h.name));
}

Result<void> tell_words(const Trail& trail, const Paths& paths, const Holds& holds,
                        const Store& store, const std::string& xen) {
    auto changes = note_words(paths, holds, xen);
    if (!changes)
        return fail(changes);
    if (changes->empty())
        return {};
    const auto known = store.manifests();
    const auto tell_all = [&](const char* step, const std::vector<std::string>& ids) {
        for (const std::string& id : ids) {
            OnTrial p = named_by(id, {});
            const auto m = std::find_if(known.begin(), known.end(), [&](const auto& k) {
                return k.sha256 == id || k.build_id == id;
            });
            if (m != known.end())
                p = {m->name, m->sha256, m->build_id};
            tell(trail, {"hold.d", step, xen}, p);
        }
    };
    tell_all("hold", changes->added);
    tell_all("release", changes->removed);
    return {};
}

} // namespace xlp::host
