// SPDX-License-Identifier: GPL-2.0-only
#include "payload/types/layout.h"

#include <algorithm>
#include <array>
#include <unordered_map>

namespace xlp::types {

namespace {

// Members whose old contents nobody can depend on.
bool is_padding_name(std::string_view path) {
    if (auto dot = path.rfind('.'); dot != std::string_view::npos)
        path.remove_prefix(dot + 1);
    while (path.starts_with('_'))
        path.remove_prefix(1);
    static constexpr std::array<std::string_view, 5> words{"pad", "rsvd", "reserved", "spare",
                                                           "unused"};
    return std::any_of(words.begin(), words.end(),
                       [&](std::string_view w) { return path.starts_with(w); });
}

bool overlap(const Leaf& a, const Leaf& b) {
    return a.bit_offset < b.end() && b.bit_offset < a.end();
}

bool same_place(const Leaf& a, const Leaf& b) {
    return a.bit_offset == b.bit_offset && a.bit_size == b.bit_size;
}

class LayoutComparison {
public:
    LayoutComparison(const Model& before, Identity& old_identity, TypeId old_type,
                     const Model& after, Identity& new_identity, TypeId new_type)
        : before_(before), after_(after), old_identity_(old_identity), new_identity_(new_identity),
          old_(old_identity.leaves(old_type)), new_(new_identity.leaves(new_type)) {
        change_.old_size = old_identity.size_of(old_type);
        change_.new_size = new_identity.size_of(new_type);
    }

    LayoutChange run() {
        pair_by_path();
        pair_renamed();
        gone_and_new();
        common();
        judge();
        return std::move(change_);
    }

private:
    const Model& before_;
    const Model& after_;
    Identity& old_identity_;
    Identity& new_identity_;
    std::vector<Leaf> old_, new_;
    std::vector<const Leaf*> twin_of_old_, twin_of_new_;
    LayoutChange change_;
    bool disturbed_ = false; // an old member is elsewhere, of another size, or its bytes reused
    bool reordered_ = false;

    void pair(std::size_t o, std::size_t n) {
        twin_of_old_[o] = &new_[n];
        twin_of_new_[n] = &old_[o];
    }

    void pair_by_path() {
        twin_of_old_.resize(old_.size());
        twin_of_new_.resize(new_.size());
        std::unordered_map<std::string_view, std::size_t> by_path;
        for (std::size_t n = 0; n < new_.size(); ++n)
            by_path.emplace(new_[n].path, n);
        for (std::size_t o = 0; o < old_.size(); ++o)
            if (auto found = by_path.find(old_[o].path);
                found != by_path.end() && !twin_of_new_[found->second])
                pair(o, found->second);
    }

    void pair_renamed() {
        for (std::size_t n = 0; n < new_.size(); ++n) {
            if (twin_of_new_[n])
                continue;
            auto at =
                std::lower_bound(old_.begin(), old_.end(), new_[n].bit_offset,
                                 [](const Leaf& o, std::uint64_t v) { return o.bit_offset < v; });
            for (; at != old_.end() && at->bit_offset == new_[n].bit_offset; ++at) {
                const auto o = static_cast<std::size_t>(at - old_.begin());
                if (!twin_of_old_[o] && same_place(*at, new_[n]) && at->identity == new_[n].identity
                    && !is_padding_name(at->path)) {
                    pair(o, n);
                    break;
                }
            }
        }
    }

    MemberChange describe(MemberChange::What what, const Leaf* o, const Leaf* n) {
        MemberChange m;
        m.what = what;
        m.path = n ? n->path : o->path;
        if (o) {
            m.old_bit_offset = o->bit_offset;
            m.old_bit_size = o->bit_size;
            m.old_type = old_identity_.spell(o->type);
        }
        if (n) {
            m.new_bit_offset = n->bit_offset;
            m.new_bit_size = n->bit_size;
            m.new_type = new_identity_.spell(n->type);
        }
        if (what == MemberChange::What::renamed)
            m.old_path = o->path;
        const Model& side = n ? after_ : before_;
        const Leaf& leaf = n ? *n : *o;
        m.source = side.files[leaf.source.file];
        m.line = leaf.source.line;
        return m;
    }

    void gone_and_new() {
        for (std::size_t o = 0; o < old_.size(); ++o)
            if (!twin_of_old_[o])
                change_.members.push_back(describe(MemberChange::What::removed, &old_[o], nullptr));
        for (std::size_t n = 0; n < new_.size(); ++n) {
            if (twin_of_new_[n])
                continue;
            change_.members.push_back(describe(MemberChange::What::added, nullptr, &new_[n]));
            disturbed_ |= takes_used_bytes(new_[n]);
        }
    }

    // What was there before meant something else: neither a hole nor padding, nor is this another
    // view, in a union, of what is still there.
    bool takes_used_bytes(const Leaf& n) const {
        for (std::size_t o = 0; o < old_.size(); ++o)
            if (overlap(old_[o], n) && !is_padding_name(old_[o].path)
                && !(n.in_union && (old_[o].in_union || twin_of_old_[o])))
                return true;
        return false;
    }

    // The named structure in a leaf, if it changed its size.
    std::string embedded(const Leaf& o, const Leaf& n) {
        const TypeId a = old_identity_.element(o.type), b = new_identity_.element(n.type);
        if (!before_.types[a].aggregate() || before_.types[a].name.empty()
            || o.identity != n.identity || old_identity_.size_of(a) == new_identity_.size_of(b))
            return {};
        return display_name(before_, a);
    }

    void common() {
        std::uint64_t last = 0;
        for (std::size_t i = 0; i < new_.size(); ++i) {
            const Leaf* o = twin_of_new_[i];
            if (!o)
                continue;
            const Leaf& n = new_[i];
            reordered_ |= o->bit_offset < last;
            last = o->bit_offset;
            // padding may shrink for what is put in its place
            const bool idle = is_padding_name(o->path) && is_padding_name(n.path);
            if (o->bit_size != n.bit_size) {
                MemberChange m = describe(MemberChange::What::resized, o, &n);
                m.embedded = embedded(*o, n);
                change_.members.push_back(std::move(m));
                disturbed_ |= !idle;
            } else if (o->bit_offset != n.bit_offset) {
                change_.members.push_back(describe(MemberChange::What::moved, o, &n));
                disturbed_ |= !idle;
            } else if (o->identity != n.identity || o->bit_field != n.bit_field) {
                change_.members.push_back(describe(MemberChange::What::retyped, o, &n));
            } else if (o->path != n.path) {
                change_.members.push_back(describe(MemberChange::What::renamed, o, &n));
            }
        }
    }

    void judge() {
        using Kind = MemberChange::What;
        bool only_embedded = !reordered_;
        for (const MemberChange& m : change_.members) {
            if (m.what == Kind::resized && !m.embedded.empty())
                change_.because_of.push_back(m.embedded);
            else if (m.what != Kind::moved)
                only_embedded = false;
            Effect effect = Effect::none;
            switch (m.what) {
            case Kind::added:
                effect = Effect::padding;
                break;
            case Kind::removed: // harmless by itself: what takes its place is judged
            case Kind::renamed:
                effect = Effect::renamed;
                break;
            case Kind::retyped:
                effect = Effect::retyped;
                break;
            case Kind::moved:
            case Kind::resized:
                break;
            }
            change_.effect = std::max(change_.effect, effect);
        }
        if (disturbed_ || change_.old_size != change_.new_size)
            change_.effect = Effect::layout;
        auto& names = change_.because_of;
        std::sort(names.begin(), names.end());
        names.erase(std::unique(names.begin(), names.end()), names.end());
        if (!only_embedded)
            names.clear();
    }
};

} // namespace

LayoutChange compare_layout(const Model& before, Identity& old_identity, TypeId old_type,
                            const Model& after, Identity& new_identity, TypeId new_type) {
    return LayoutComparison(before, old_identity, old_type, after, new_identity, new_type).run();
}

} // namespace xlp::types
