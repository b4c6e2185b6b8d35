// SPDX-License-Identifier: GPL-2.0-only
#include "payload/types/usage.h"

#include <algorithm>
#include <deque>
#include <limits>

namespace xlp::types {

namespace {
constexpr unsigned unreachable = std::numeric_limits<unsigned>::max();
constexpr unsigned max_pointers = 16; // T **************** is damage, not code

// What these point to is in a guest's memory (xen/include/public/arch-x86/xen.h): it comes and goes
// with each hypercall.
bool is_guest_handle(const Type& t) {
    return t.name.starts_with("__guest_handle_") || t.name.starts_with("__compat_handle_");
}
} // namespace

Evidence& Evidence::operator|=(const Evidence& e) {
    static_value |= e.static_value;
    static_reach |= e.static_reach;
    member_pointer |= e.member_pointer;
    returned |= e.returned;
    local_pointer |= e.local_pointer;
    parameter |= e.parameter;
    automatic |= e.automatic;
    return *this;
}

Lifetime lifetime_of(const Evidence& e) {
    if (e.static_value || e.static_reach)
        return Lifetime::in_memory;
    if (e.member_pointer || e.returned)
        return Lifetime::maybe;
    if (e.automatic)
        return Lifetime::on_stack_only;
    // pointers, and nobody who says what they point to: a unit with the caller may know more
    return e.local_pointer || e.parameter ? Lifetime::maybe : Lifetime::unused;
}

Usage& Usage::operator|=(const Usage& u) {
    evidence |= u.evidence;
    for (const auto& [name, use] : u.users) {
        auto [at, fresh] = users.emplace(name, use);
        if (fresh)
            continue;
        at->second.hops = std::min(at->second.hops, use.hops);
        at->second.creates |= use.creates;
    }
    return *this;
}

UsageGraph::UsageGraph(const Model& model, const Identity& identity)
    : model_(model), identity_(identity) {
    find_edges();
    find_reached();
}

UsageGraph::Handled UsageGraph::handled(TypeId id) const {
    Handled h{identity_.element(id), false};
    for (unsigned i = 0; i < max_pointers; ++i) {
        if (model_.types[h.core].kind != Kind::pointer)
            return h;
        // what a pointed-to function takes is not stored in it: function types end the way
        h = {identity_.element(model_.types[h.core].target), true};
    }
    return h;
}

void UsageGraph::find_edges() {
    struct Link {
        TypeId to;
        Edge edge;
    };
    std::vector<Link> links;
    for (TypeId id = 1; id < model_.types.size(); ++id) {
        const Type& t = model_.types[id];
        if (!t.aggregate() || is_guest_handle(t))
            continue;
        for (std::uint32_t i = 0; i < t.parts.count; ++i) {
            const Handled h = handled(model_.members[t.parts.first + i].type);
            const Kind kind = model_.types[h.core].kind;
            if (model_.types[h.core].aggregate() || kind == Kind::enumeration)
                links.push_back({h.core, {id, h.pointer}});
        }
    }
    first_edge_.assign(model_.types.size() + 1, 0);
    for (const Link& l : links)
        ++first_edge_[l.to + 1];
    for (std::size_t i = 1; i < first_edge_.size(); ++i)
        first_edge_[i] += first_edge_[i - 1];
    edges_.resize(links.size());
    std::vector<std::uint32_t> next(first_edge_.begin(), first_edge_.end() - 1);
    for (const Link& l : links)
        edges_[next[l.to]++] = l.edge;
}

void UsageGraph::find_reached() {
    reached_.assign(model_.types.size(), false);
    std::vector<TypeId> work;
    auto reach = [&](TypeId type) {
        const TypeId core = handled(type).core;
        if (core && !reached_[core]) {
            reached_[core] = true;
            work.push_back(core);
        }
    };
    for (const Variable& v : model_.variables)
        reach(v.type);
    while (!work.empty()) {
        const Type& t = model_.types[work.back()];
        work.pop_back();
        if (t.aggregate() && !is_guest_handle(t))
            for (std::uint32_t i = 0; i < t.parts.count; ++i)
                reach(model_.members[t.parts.first + i].type);
    }
}

// What each function itself has to do with the type; adds to the evidence.
std::vector<Use> UsageGraph::direct_uses(const std::vector<unsigned>& hops,
                                         Evidence& evidence) const {
    std::vector<Use> uses(model_.functions.size(), {unreachable, false});
    for (FunctionId f = 0; f < model_.functions.size(); ++f) {
        for (const std::uint32_t v : model_.functions[f].touched)
            if (const Handled h = handled(model_.variables[v].type); h.core)
                uses[f].hops = std::min(uses[f].hops, hops[h.core]);
        for (const Mention& m : model_.functions[f].mentions) {
            const Handled h = handled(m.type);
            if (!h.core || hops[h.core] == unreachable)
                continue;
            uses[f].hops = std::min(uses[f].hops, hops[h.core]);
            if (hops[h.core] > 0)
                continue;
            if (m.as == Mention::As::parameter)
                evidence.parameter = true;
            else if (m.as == Mention::As::result)
                evidence.returned |= h.pointer;
            else if (h.pointer)
                evidence.local_pointer = true;
            else
                evidence.automatic = uses[f].creates = true;
        }
    }
    return uses;
}

Usage UsageGraph::of(TypeId type) const {
    // pointers to follow from each type until this one is met
    std::vector<unsigned> hops(model_.types.size(), unreachable);
    std::deque<TypeId> work{type};
    hops[type] = 0;
    Usage usage;
    while (!work.empty()) {
        const TypeId at = work.front();
        work.pop_front();
        for (std::uint32_t e = first_edge_[at]; e < first_edge_[at + 1]; ++e) {
            const unsigned cost = hops[at] + (edges_[e].pointer ? 1 : 0);
            if (edges_[e].pointer && hops[at] == 0)
                usage.evidence.member_pointer = true;
            if (cost >= hops[edges_[e].from])
                continue;
            hops[edges_[e].from] = cost;
            if (edges_[e].pointer)
                work.push_back(edges_[e].from);
            else
                work.push_front(edges_[e].from);
        }
    }
    for (TypeId id = 1; id < hops.size(); ++id)
        usage.evidence.static_reach |= hops[id] == 0 && reached_[id];
    for (const Variable& v : model_.variables) {
        const Handled h = handled(v.type);
        usage.evidence.static_value |= !h.pointer && h.core && hops[h.core] == 0;
    }

    const std::vector<Use> uses = direct_uses(hops, usage.evidence);
    for (FunctionId f = 0; f < model_.functions.size(); ++f) {
        const Function& function = model_.functions[f];
        if (function.symbol.empty())
            continue;
        Use all = uses[f];
        auto add = [&](FunctionId id) {
            all.hops = std::min(all.hops, uses[id].hops);
            all.creates |= uses[id].creates;
        };
        if (function.origin != no_function)
            add(function.origin);
        for (FunctionId inlined : function.inlines)
            add(inlined);
        if (all.hops != unreachable)
            usage.users.emplace(function.symbol, all);
    }
    return usage;
}

} // namespace xlp::types
