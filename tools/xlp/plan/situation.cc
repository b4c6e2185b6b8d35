// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/plan/situation.h"

#include "payload/base/bytes.h"

#include <algorithm>
#include <string_view>

namespace xlp::host {
namespace {

std::string_view stripped(std::string_view metadata) {
    return metadata.substr(0, metadata.find_last_not_of('\0') + 1);
}

// Xen 4.14 and later hand out what a payload says of itself.
bool hands_out_metadata(const Identity& xen) {
    return xen.major > 4 || xen.minor >= 14;
}

// Another tool can have put other bytes under the same name since.
bool is_what_was_uploaded(const Record& r, const Payload& p, const Identity& xen) {
    const auto uploaded = from_hex(r.metadata);
    return !hands_out_metadata(xen)
           || (uploaded && stripped(as_text(*uploaded)) == stripped(p.metadata));
}

void fill_from(Installed& i, const Record& r, const Records& records) {
    i.blob = records.blob(r.sha256);
    if (auto about = manifest::parse(r.manifest, r.origin); !r.manifest.empty() && about)
        i.about = std::move(*about);
    else if (i.blob && i.blob->object)
        if (auto itself =
                manifest::describe(*i.blob->object, r.sha256, i.blob->bytes.size(), r.origin))
            i.about = std::move(*itself);
    i.about.build_id = r.build_id;
    i.about.depends = r.depends;
    i.uploaded = r.uploaded;
    i.applied = r.applied;
    i.sha256 = r.sha256;
    i.signer = r.signer;
}

void fill_from(Installed& i, const Bundle& b) {
    i.about = b.about;
    i.sha256 = b.blob->sha256;
    i.signer = b.signed_by;
    i.blob = b.blob;
}

// The one payload of the store that says of itself what this one says; null when none or several
// do.
const Bundle* in_store(const Payload& p, const std::vector<Bundle>& store) {
    const Bundle* found = nullptr;
    for (const Bundle& b : store) {
        if (stripped(p.metadata).empty() || stripped(b.blob->metadata) != stripped(p.metadata))
            continue;
        if (found && found->blob->sha256 != b.blob->sha256)
            return nullptr;
        found = &b;
    }
    return found;
}

// `content=' and the payload's build-id, which is a hash of all else that it has.
bool names_its_content(const Payload& p, const std::string& build_id) {
    const std::string all = '\0' + p.metadata + '\0', key("\0content=", 9);
    return all.find(key + build_id + '\0') != all.npos;
}

Installed recognise(const Payload& p, const Records& records, const std::vector<Bundle>& store,
                    const Identity& xen) {
    Installed i{p, {}};
    if (const Record* r = records.find(p.name); r && is_what_was_uploaded(*r, p, xen)) {
        fill_from(i, *r, records);
        i.certain = !hands_out_metadata(xen) || !stripped(p.metadata).empty();
        for (const Bundle& b : store) // what is known of it may have grown since
            if (b.blob->sha256 == r->sha256 && b.manifest_text)
                i.about = b.about;
        return i;
    }
    if (const Bundle* b = in_store(p, store)) {
        fill_from(i, *b);
        i.certain = names_its_content(p, b->about.build_id);
        return i;
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
        Installed i = recognise(p, records, store, xen);
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
