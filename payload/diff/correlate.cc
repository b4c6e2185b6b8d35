// SPDX-License-Identifier: GPL-2.0-only
// A funnel; what one step leaves goes into the next:
//   0. what the user says
//   1. a global symbol is the one of that name ("do_domctl")
//   2. so is a file-scope static, whose name the compiler does not change ("grant_table_init")
//   3. what got or lost a name is known by those that it kept
//   4. static locals and clones carry a number that changes from build to build ("cnt.1",
//      "__func__.0", "f.constprop.0"). Those of one stem are told apart by the functions that use
//      them, by size and by content.
// A pair that cannot be told with confidence stays unmatched. The patched one then counts as new,
// and all that uses it as changed: too much is replaced rather than the wrong state shared. So does
// what was boot-time code or data and no longer is: the hypervisor freed its own.
#include "payload/diff/correlate.h"

#include <algorithm>
#include <map>
#include <set>

namespace xlp::diff {

using atom::Atom;
using atom::AtomId;
using atom::Module;
using atom::no_atom;
using xen::SectionClass;

namespace {

// What must agree for two atoms to be the same thing under any name.
enum class Kind { code, per_cpu, data, init_code, init_data };

Kind atom_kind(const Atom& a) {
    switch (a.section_class) {
    case SectionClass::init_text:
        return Kind::init_code;
    case SectionClass::init_data:
    case SectionClass::registration:
        return Kind::init_data;
    case SectionClass::per_cpu:
        return Kind::per_cpu;
    default:
        return xen::is_code(a.section_class) ? Kind::code : Kind::data;
    }
}

// For each atom the stems of the named functions that refer to it, also through nameless contents.
class AtomUsers {
public:
    explicit AtomUsers(const Module& m) : users_(m.atoms().size()) {
        for (const Atom& a : m.atoms())
            if (a.is_function() && !a.anonymous())
                walk(m, a, atom::stem(a.name), 0);
    }
    const std::set<std::string_view>& of(AtomId id) const { return users_[id]; }

private:
    void walk(const Module& m, const Atom& from, std::string_view user, int depth) {
        for (const atom::Reference& r : from.references)
            note(m, r, user, depth);
        for (const atom::Entry& e : from.entries)
            for (const atom::Reference& r : e.references)
                note(m, r, user, depth);
    }
    void note(const Module& m, const atom::Reference& r, std::string_view user, int depth) {
        if (r.atom == no_atom || !users_[r.atom].insert(user).second)
            return;
        if (m.atom(r.atom).anonymous() && depth < 4)
            walk(m, m.atom(r.atom), user, depth + 1);
    }
    std::vector<std::set<std::string_view>> users_;
};

class Correlator {
public:
    Correlator(const Module& original, const Module& patched)
        : o_(original), p_(patched), original_users_(original), patched_users_(patched) {
        result_.original_of.assign(p_.atoms().size(), no_atom);
        result_.patched_of.assign(o_.atoms().size(), no_atom);
    }

    Correlation run(const std::vector<Bound>& bound) {
        for (const Bound& b : bound)
            match_bound(b);
        match_plain_names();
        match_further_names();
        match_numbered();
        find_merged();
        return std::move(result_);
    }

private:
    using Group = std::pair<std::vector<AtomId>, std::vector<AtomId>>; // original, patched

    void pair(AtomId o, AtomId p) {
        result_.original_of[p] = o;
        result_.patched_of[o] = p;
    }
    static bool numbered(const Atom& a) { return atom::stem(a.name).size() != a.name.size(); }

    void match_bound(const Bound& b) {
        for (const Atom& p : p_.atoms())
            for (const Atom& o : o_.atoms())
                if (b.is_for(p.name, o.name) && atom_kind(o) == atom_kind(p)
                    && result_.original_of[p.id] == no_atom && result_.patched_of[o.id] == no_atom)
                    pair(o.id, p.id);
    }

    // Functions that became further names of another.
    void find_merged() {
        for (const Atom& p : p_.atoms())
            for (std::string_view name : p.names()) {
                const Atom* o = p.is_function() ? o_.find(name) : nullptr;
                if (o && o->name == name && atom_kind(*o) == atom_kind(p)
                    && result_.patched_of[o->id] == no_atom)
                    result_.merged.emplace(o->id, p.id);
            }
    }

    void match_further_names() {
        for (const Atom& p : p_.atoms()) {
            if (p.anonymous() || result_.original_of[p.id] != no_atom)
                continue;
            for (std::string_view name : p.names()) {
                const Atom* o = atom::stem(name) == name ? o_.find(name) : nullptr;
                if (!o || o->anonymous() || atom_kind(*o) != atom_kind(p)
                    || result_.patched_of[o->id] != no_atom)
                    continue;
                pair(o->id, p.id);
                break;
            }
        }
    }

    void match_plain_names() {
        for (const Atom& p : p_.atoms()) {
            if (p.anonymous() || numbered(p) || result_.original_of[p.id] != no_atom)
                continue;
            const Atom* o = o_.find(p.name);
            if (o && !o->anonymous() && atom_kind(*o) == atom_kind(p)
                && result_.patched_of[o->id] == no_atom)
                pair(o->id, p.id);
        }
    }

    void match_numbered() {
        std::map<std::pair<std::string_view, Kind>, Group> groups;
        for (const Atom& o : o_.atoms())
            if (!o.anonymous() && numbered(o) && result_.patched_of[o.id] == no_atom)
                groups[{atom::stem(o.name), atom_kind(o)}].first.push_back(o.id);
        for (const Atom& p : p_.atoms())
            if (!p.anonymous() && numbered(p) && result_.original_of[p.id] == no_atom)
                groups[{atom::stem(p.name), atom_kind(p)}].second.push_back(p.id);
        for (auto& [key, group] : groups)
            match_group(group, key.second == Kind::code || key.second == Kind::init_code);
    }

    // Pairs those that `same` holds for when each is the other's only candidate.
    template <class Same>
    void match_unique(Group& g, Same same) {
        auto& [originals, patched] = g;
        std::vector<std::pair<AtomId, AtomId>> pairs;
        for (AtomId p : patched) {
            AtomId only = no_atom;
            int count = 0;
            for (AtomId o : originals)
                if (same(o_.atom(o), p_.atom(p))) {
                    only = o;
                    ++count;
                }
            const bool back =
                count == 1 && std::count_if(patched.begin(), patched.end(), [&](AtomId q) {
                                  return same(o_.atom(only), p_.atom(q));
                              }) == 1;
            if (back)
                pairs.emplace_back(only, p);
        }
        for (auto [o, p] : pairs) {
            pair(o, p);
            std::erase(originals, o);
            std::erase(patched, p);
        }
    }

    bool same_users(const Atom& o, const Atom& p) const {
        return original_users_.of(o.id) == patched_users_.of(p.id);
    }
    bool share_a_user(const Atom& o, const Atom& p) const {
        const auto& a = original_users_.of(o.id);
        const auto& b = patched_users_.of(p.id);
        if (a.empty() && b.empty())
            return true;
        return std::any_of(a.begin(), a.end(), [&](auto u) { return b.contains(u); });
    }
    static bool same_content(const Atom& o, const Atom& p) {
        return o.size == p.size && o.zero == p.zero
               && std::equal(o.bytes.begin(), o.bytes.end(), p.bytes.begin(), p.bytes.end());
    }

    void match_group(Group& g, bool functions) {
        match_unique(g, [&](const Atom& o, const Atom& p) {
            return same_users(o, p) && same_content(o, p);
        });
        if (functions) {
            // Clones of one function differ in what they assume of their arguments: to take one
            // for another would be wrong, to take a known one for new is merely more to replace.
            match_unique(g, same_content);
            if (g.first.size() == 1 && g.second.size() == 1)
                pair(g.first[0], g.second[0]);
            return;
        }
        match_unique(g, [&](const Atom& o, const Atom& p) { return same_users(o, p); });
        match_unique(g, [&](const Atom& o, const Atom& p) {
            return share_a_user(o, p) && o.size == p.size;
        });
        match_unique(g, [&](const Atom& o, const Atom& p) { return share_a_user(o, p); });
        match_in_order(g);
    }

    // Equal in all that can be told (say, two `cnt` in different blocks of one function): the
    // compiler numbers them in the order of the source.
    void match_in_order(Group& g) {
        auto& [originals, patched] = g;
        if (originals.size() != patched.size())
            return;
        for (std::size_t i = 0; i < originals.size(); ++i)
            if (share_a_user(o_.atom(originals[i]), p_.atom(patched[i]))
                && o_.atom(originals[i]).size == p_.atom(patched[i]).size)
                pair(originals[i], patched[i]);
    }

    const Module& o_;
    const Module& p_;
    AtomUsers original_users_, patched_users_;
    Correlation result_;
};

} // namespace

bool Bound::is_for(std::string_view p, std::string_view o) const {
    auto fits = [](std::string_view given, std::string_view name) {
        return !name.empty() && (given == name || given == atom::stem(name));
    };
    return fits(patched, p) && fits(original, o);
}

Correlation correlate(const Module& original, const Module& patched,
                      const std::vector<Bound>& bound) {
    return Correlator(original, patched).run(bound);
}

} // namespace xlp::diff
