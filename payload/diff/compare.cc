// SPDX-License-Identifier: GPL-2.0-only
#include "payload/diff/compare.h"

#include "payload/base/bytes.h"

#include <algorithm>
#include <fmt/format.h>

namespace xlp::diff {

using atom::Atom;
using atom::Entry;
using atom::Module;
using atom::no_atom;
using atom::Reference;
using xen::SectionClass;

namespace {

// First byte that differs outside of the references' fields; the sizes are equal.
std::optional<std::size_t> bytes_differ(View o, View p, const std::vector<Reference>& references) {
    std::size_t at = 0;
    for (const Reference& r : references) {
        for (; at < std::min<std::size_t>(r.offset, o.size()); ++at)
            if (o[at] != p[at])
                return at;
        at = std::max<std::size_t>(at, r.offset + r.width());
    }
    for (; at < o.size(); ++at)
        if (o[at] != p[at])
            return at;
    return std::nullopt;
}

Difference differ(Difference::What what, std::uint64_t offset, std::string why) {
    return {what, offset, offset, std::move(why)};
}

} // namespace

std::string Comparison::target_text(const Module& m, const Reference& r) const {
    std::string s = r.atom == no_atom ? std::string(r.external) : m.atom(r.atom).label();
    if (r.delta)
        s += fmt::format("{:+#x}", r.delta);
    return s;
}

bool Comparison::same_content(const Atom& o, const Atom& p) {
    auto [it, fresh] = nameless_.try_emplace({o.id, p.id}, true);
    if (fresh) {
        const bool same = !difference(o, p);
        nameless_[{o.id, p.id}] = same;
        return same;
    }
    return it->second; // known, or taken to be equal while being compared (a cycle)
}

bool Comparison::same_target(const Reference& o, const Reference& p) {
    if (o.atom == no_atom || p.atom == no_atom) {
        auto name = [](const Module& m, const Reference& r) {
            if (r.atom == no_atom)
                return r.external;
            const Atom& a = m.atom(r.atom);
            return a.global ? a.name : std::string_view{};
        };
        return o.delta == p.delta && !name(o_, o).empty() && name(o_, o) == name(p_, p);
    }
    const Atom& a = o_.atom(o.atom);
    const Atom& b = p_.atom(p.atom);
    if (a.section_class == SectionClass::string && b.section_class == SectionClass::string) {
        // a reference may lead into a string that others share
        if (o.delta < 0 || p.delta < 0 || static_cast<std::uint64_t>(o.delta) > a.size
            || static_cast<std::uint64_t>(p.delta) > b.size)
            return false;
        const View x = a.bytes.subspan(o.delta), y = b.bytes.subspan(p.delta);
        return std::equal(x.begin(), x.end(), y.begin(), y.end());
    }
    if (o.means_end || p.means_end)
        return same_end(o, p);
    if (o.delta != p.delta)
        return false;
    if (a.anonymous() && b.anonymous())
        return a.section_class == b.section_class && same_content(a, b);
    return twins_.original_of[b.id] == a.id;
}

// One at least is the end of a datum, as the code shows; the other may be written as one.
bool Comparison::same_end(const Reference& o, const Reference& p) {
    auto meant = [](const Module& m, const Reference& r) {
        return r.means_end ? std::pair{r.ends, static_cast<std::int64_t>(m.atom(r.ends).size)}
                           : std::pair{r.atom, r.delta};
    };
    const auto [a, a_delta] = meant(o_, o);
    const auto [b, b_delta] = meant(p_, p);
    return a_delta == b_delta && twins_.original_of[b] == a;
}

std::optional<Difference> Comparison::references_differ(const std::vector<Reference>& o,
                                                        const std::vector<Reference>& p) {
    for (std::size_t i = 0; i < std::min(o.size(), p.size()); ++i) {
        if (o[i].offset != p[i].offset || o[i].type != p[i].type || o[i].bias != p[i].bias)
            return differ(Difference::What::reference, std::min(o[i].offset, p[i].offset),
                          "its references are in different places");
        if (!same_target(o[i], p[i]))
            return differ(Difference::What::reference, o[i].offset,
                          fmt::format("it refers to {} instead of {}", target_text(p_, p[i]),
                                      target_text(o_, o[i])));
    }
    if (o.size() != p.size())
        return differ(Difference::What::reference,
                      o.size() > p.size() ? o[p.size()].offset : p[o.size()].offset,
                      "the number of its references changed");
    return std::nullopt;
}

std::optional<Difference> Comparison::entries_differ(const Atom& o, const Atom& p) {
    auto all = [&](const char* what, std::uint64_t at) {
        return differ(Difference::What::entries, at, what);
    };
    for (std::size_t i = 0; i < std::min(o.entries.size(), p.entries.size()); ++i) {
        const Entry& a = o.entries[i];
        const Entry& b = p.entries[i];
        const auto at =
            static_cast<std::uint64_t>(std::max<std::int64_t>(a.references[0].delta, 0));
        if (a.section != b.section || a.references.size() != b.references.size())
            return all("its table entries changed", at);
        if (bytes_differ(a.bytes, b.bytes, a.references))
            return differ(Difference::What::entries, at,
                          fmt::format("its entry in {} changed", a.section));
        for (std::size_t r = 0; r < a.references.size(); ++r) {
            const Reference& x = a.references[r];
            const Reference& y = b.references[r];
            // the entry's code reference is to the very atoms that are compared
            const bool own = x.atom == o.id && y.atom == p.id && x.delta == y.delta;
            if (x.offset != y.offset || x.type != y.type || (!own && !same_target(x, y)))
                return differ(Difference::What::entries, at,
                              fmt::format("its entry in {} refers to {} instead of {}", a.section,
                                          target_text(p_, y), target_text(o_, x)));
        }
    }
    if (o.entries.size() != p.entries.size())
        return all("the number of its table entries changed", 0);
    return std::nullopt;
}

std::optional<Difference> Comparison::difference(const Atom& o, const Atom& p) {
    std::optional<Difference> first;
    auto keep = [&](std::optional<Difference> d) {
        if (d && (!first || d->original_offset < first->original_offset))
            first = std::move(d);
    };
    if (o.zero != p.zero)
        return differ(Difference::What::bytes, 0, "it is initialised in only one of the builds");
    if (!o.zero) {
        const std::size_t common = std::min(o.bytes.size(), p.bytes.size());
        if (auto at = bytes_differ(o.bytes.first(common), p.bytes.first(common), o.references))
            keep(differ(Difference::What::bytes, *at, "its code or contents changed"));
        keep(references_differ(o.references, p.references));
    }
    if (!first && o.size != p.size)
        keep(differ(Difference::What::size, std::min(o.size, p.size),
                    fmt::format("it is {} bytes long instead of {}", p.size, o.size)));
    if (!first)
        keep(entries_differ(o, p));
    return first;
}

} // namespace xlp::diff
