// SPDX-License-Identifier: GPL-2.0-only
#include "engine.h"

#include "payload/pipeline/pipeline.h"

#include <algorithm>

namespace xlp::generator {

namespace {

template <class Assembly>
Made made_of(Assembly&& a) {
    Made m;
    m.payload = a.payload.bytes;
    m.findings = a.findings;
    for (const auto& item : a.selection.items)
        if (item.role == diff::Role::replacement)
            m.replaced.push_back(item.old_name);
    return m;
}

Made failed(Findings why) {
    Made m;
    m.findings = std::move(why);
    m.nothing_changed = std::all_of(m.findings.begin(), m.findings.end(), [](const Finding& f) {
        return f.severity != Severity::error || f.code == "select.nothing-changed";
    });
    return m;
}

} // namespace

Made make_payload(const std::vector<Pair>& pairs, const xen::Image& image) {
    std::vector<pipeline::ObjectPair> objects;
    for (const Pair& p : pairs)
        objects.push_back({p.name, p.source, p.original, p.patched});
    pipeline::Options options;
    options.name = "generated";
    pipeline::Pipeline pipeline(std::move(objects), image, std::move(options));
    for (;;) {
        auto needs = pipeline.advance();
        if (!needs)
            return failed(std::move(needs.error()));
        if (needs->empty())
            return made_of(std::move(pipeline).result());
        for (const pipeline::Need& n : *needs)
            if (auto ok = pipeline.supply(n, {}); !ok)
                return failed(std::move(ok.error()));
    }
}

} // namespace xlp::generator
