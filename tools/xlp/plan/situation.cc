// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/plan/situation.h"

#include <algorithm>

namespace xlp::host {
namespace {

std::string modinfo_of(const Bundle& b) {
    const auto object = elf::Object::parse(b.blob->bytes, b.file);
    const elf::Section* s = object ? object->section(".modinfo") : nullptr;
    return s ? std::string(s->bytes.begin(), s->bytes.end()) : std::string();
}

Installed recognise(const Payload& p, const Records& records, const std::vector<Bundle>& store) {
    Installed i{p, {}, {}, {}};
    if (const Record* r = records.find(p.name)) {
        if (auto blob = records.blob(r->sha256))
            if (auto about = manifest::describe(blob->bytes, r->origin))
                i.about = std::move(*about);
        i.about.build_id = r->build_id;
        i.about.depends = r->depends;
        i.uploaded = r->uploaded;
        i.applied = r->applied;
    }
    for (const Bundle& b : store) {
        const bool same = i.known() ? b.about.build_id == i.about.build_id
                                    : b.about.name == p.name && modinfo_of(b) == p.metadata;
        if (same) {
            i.about = b.about;
            return i;
        }
    }
    manifest::read_modinfo(i.about, p.metadata); // what the hypervisor itself tells
    i.about.name = p.name;
    return i;
}

} // namespace

const Installed* Stack::find(const std::string& build_id) const {
    for (const auto* list : {&applied, &idle})
        for (const Installed& i : *list)
            if (i.known() && i.about.build_id == build_id)
                return &i;
    return nullptr;
}

Stack arrange(const std::vector<Payload>& payloads, const Records& records,
              const std::vector<Bundle>& store, const Identity& xen) {
    Stack stack;
    std::vector<Installed> rest;
    for (const Payload& p : payloads) {
        Installed i = recognise(p, records, store);
        (i.is_applied() ? rest : stack.idle).push_back(std::move(i));
    }
    std::string top = xen.build_id;
    for (;;) {
        auto next = std::find_if(rest.begin(), rest.end(), [&](const Installed& i) {
            return i.known() && i.about.depends == top;
        });
        if (next == rest.end())
            break;
        top = next->about.build_id;
        stack.applied.push_back(std::move(*next));
        rest.erase(next);
    }
    stack.order_known = rest.empty();
    std::move(rest.begin(), rest.end(), std::back_inserter(stack.applied));
    return stack;
}

Situation situation(const Stack& stack, const Identity& xen) {
    Situation s{xen, {}, stack.order_known, false};
    for (const Installed& i : stack.idle)
        s.payloads.push_back({i.payload.name, i.about.build_id, false});
    for (const Installed& i : stack.applied)
        s.payloads.push_back({i.payload.name, i.about.build_id, true});
    return s;
}

} // namespace xlp::host
