// SPDX-License-Identifier: GPL-2.0-only
#include "payload/types/identity.h"

#include <algorithm>
#include <dwarf.h>
#include <fmt/format.h>
#include <unordered_map>

namespace xlp::types {

namespace {

// Longer chains of aliases, pointers or nesting are damage, not code.
constexpr unsigned max_nesting = 100;
// Types named in one spelling; a real prototype needs a dozen.
constexpr unsigned max_spelled_types = 200;

std::uint64_t mix(std::uint64_t seed, std::uint64_t v) {
    v += seed + 0x9e3779b97f4a7c15;
    v = (v ^ (v >> 30)) * 0xbf58476d1ce4e5b9;
    v = (v ^ (v >> 27)) * 0x94d049bb133111eb;
    return v ^ (v >> 31);
}

std::uint64_t mix(std::uint64_t seed, std::string_view text) {
    for (unsigned char c : text)
        seed = (seed ^ c) * 0x100000001b3;
    return mix(seed, text.size());
}

// Characters are integers of one byte: what is in memory is the same.
std::uint8_t normal_encoding(std::uint8_t encoding) {
    switch (encoding) {
    case DW_ATE_signed_char:
        return DW_ATE_signed;
    case DW_ATE_unsigned_char:
        return DW_ATE_unsigned;
    default:
        return encoding;
    }
}

bool named(const Type& t) {
    return (t.aggregate() || t.kind == Kind::enumeration) && !t.name.empty();
}

bool is_qualifier(Kind kind) {
    return kind == Kind::constant || kind == Kind::qualifier;
}

const char* keyword(Kind kind) {
    switch (kind) {
    case Kind::structure:
        return "struct";
    case Kind::union_type:
        return "union";
    case Kind::enumeration:
        return "enum";
    default:
        return "";
    }
}

} // namespace

std::string display_name(const Model& model, TypeId id) {
    const Type& t = model.types[id];
    if (t.named_by_alias)
        return std::string(t.name);
    const char* word = keyword(t.kind);
    return t.name.empty() ? word : *word ? fmt::format("{} {}", word, t.name) : std::string(t.name);
}

Identity::Identity(const Model& model)
    : model_(model), hash_(model.types.size()), definition_(model.types.size()) {
    std::unordered_map<std::string_view, TypeId> defined;
    for (TypeId id = 1; id < model.types.size(); ++id)
        if (const Type& t = model.types[id]; named(t) && !t.declaration)
            defined.emplace(t.name, id);
    for (TypeId id = 1; id < model.types.size(); ++id)
        if (const Type& t = model.types[id]; named(t) && t.declaration)
            if (auto found = defined.find(t.name);
                found != defined.end() && model.types[found->second].kind == t.kind)
                definition_[id] = found->second;
}

TypeId Identity::strip(TypeId id) const {
    for (unsigned i = 0; i < max_nesting; ++i) {
        const Type& t = model_.types[id];
        if (t.kind != Kind::alias && !is_qualifier(t.kind))
            return id;
        id = t.target;
    }
    return 0;
}

TypeId Identity::element(TypeId id) const {
    for (unsigned i = 0; i < max_nesting; ++i) {
        id = strip(id);
        if (model_.types[id].kind != Kind::array)
            return defined(id);
        id = model_.types[id].target;
    }
    return 0;
}

bool Identity::constant(TypeId id) const {
    for (unsigned i = 0; i < max_nesting; ++i) {
        const Type& t = model_.types[id];
        if (t.kind == Kind::constant)
            return true;
        if (t.kind != Kind::alias && t.kind != Kind::qualifier && t.kind != Kind::array)
            return false;
        id = t.target;
    }
    return false;
}

TypeId Identity::defined(TypeId id) const {
    return definition_[id] ? definition_[id] : id;
}

std::uint64_t Identity::of(TypeId id) {
    id = strip(id);
    if (hash_[id])
        return hash_[id];
    if (depth_ > max_nesting)
        return 1;
    ++depth_;
    hash_[id] = 1; // should it lead back here, which C cannot say: taken as the same
    const std::uint64_t h = compute(model_.types[id]);
    --depth_;
    return hash_[id] = h ? h : 1;
}

std::uint64_t Identity::compute(const Type& t) {
    std::uint64_t h = mix(0, static_cast<std::uint64_t>(t.kind));
    if (named(t))
        return mix(h, t.name);
    switch (t.kind) {
    case Kind::base:
        return mix(mix(h, t.size), normal_encoding(t.encoding));
    case Kind::pointer:
        return mix(h, of(t.target));
    case Kind::array:
        for (std::uint32_t i = 0; i < t.parts.count; ++i)
            h = mix(h, model_.lengths[t.parts.first + i]);
        return mix(h, of(t.target));
    case Kind::function:
        h = mix(mix(h, of(t.target)), t.variadic);
        for (std::uint32_t i = 0; i < t.parts.count; ++i)
            h = mix(h, of(model_.parameters[t.parts.first + i]));
        return h;
    case Kind::structure:
    case Kind::union_type:
        h = mix(h, t.size);
        for (std::uint32_t i = 0; i < t.parts.count; ++i) {
            const Member& m = model_.members[t.parts.first + i];
            h = mix(mix(mix(mix(h, m.name), m.bit_offset), m.bit_size), of(m.type));
        }
        return h;
    case Kind::enumeration:
        for (std::uint32_t i = 0; i < t.parts.count; ++i) {
            const Enumerator& e = model_.enumerators[t.parts.first + i];
            h = mix(mix(h, e.name), static_cast<std::uint64_t>(e.value));
        }
        return h;
    default:
        return h;
    }
}

std::uint64_t Identity::size_of(TypeId id) {
    std::uint64_t times = 1;
    for (unsigned i = 0; i < max_nesting; ++i) {
        id = defined(strip(id));
        const Type& t = model_.types[id];
        if (t.kind != Kind::array)
            return t.size * times;
        for (std::uint32_t n = 0; n < t.parts.count; ++n)
            times *= model_.lengths[t.parts.first + n];
        id = t.target;
    }
    return 0;
}

std::string Identity::spell(TypeId id) {
    spell_budget_ = max_spelled_types;
    return spell(id, 0);
}

std::string Identity::spell(TypeId id, unsigned depth) {
    const Type& t = model_.types[id];
    if (depth > max_nesting || spell_budget_ == 0)
        return "...";
    --spell_budget_;
    auto parameters = [&](Slice list, bool variadic) {
        std::string s;
        for (std::uint32_t i = 0; i < list.count; ++i)
            s += (i ? ", " : "") + spell(model_.parameters[list.first + i], depth + 1);
        if (variadic)
            s += s.empty() ? "..." : ", ...";
        return s.empty() ? std::string("void") : s;
    };
    switch (t.kind) {
    case Kind::void_type:
        return "void";
    case Kind::constant:
    case Kind::qualifier:
        return spell(t.target, depth + 1);
    case Kind::alias:
        return std::string(t.name);
    case Kind::pointer: {
        TypeId to = t.target;
        for (unsigned i = 0; i < max_nesting && is_qualifier(model_.types[to].kind); ++i)
            to = model_.types[to].target;
        const Type& pointee = model_.types[to];
        if (pointee.kind == Kind::function)
            return fmt::format("{} (*)({})", spell(pointee.target, depth + 1),
                               parameters(pointee.parts, pointee.variadic));
        const std::string s = spell(to, depth + 1);
        return s + (s.ends_with('*') ? "*" : " *");
    }
    case Kind::function:
        return fmt::format("{} ({})", spell(t.target, depth + 1), parameters(t.parts, t.variadic));
    case Kind::array: {
        std::string s = spell(t.target, depth + 1) + " ";
        for (std::uint32_t i = 0; i < t.parts.count; ++i)
            s += fmt::format("[{}]", model_.lengths[t.parts.first + i]);
        return s;
    }
    default:
        return display_name(model_, id);
    }
}

std::string Identity::prototype(const Function& f) {
    std::string s = spell(f.result) + " (";
    for (std::uint32_t i = 0; i < f.parameters.count; ++i)
        s += (i ? ", " : "") + spell(model_.parameters[f.parameters.first + i]);
    if (f.variadic)
        s += f.parameters.count ? ", ..." : "...";
    else if (f.parameters.count == 0)
        s += "void";
    return s + ")";
}

struct Identity::Walk {
    std::vector<Leaf> leaves;
    std::string path;
    std::uint64_t base = 0; // bits
    bool in_union = false;
    std::size_t members_left = max_leaves;
};

void Identity::collect(TypeId id, Walk& walk, unsigned depth) {
    const Type& t = model_.types[id];
    if (depth > max_nesting)
        return;
    const std::size_t path_length = walk.path.size();
    const std::uint64_t base = walk.base;
    const bool in_union = walk.in_union;
    walk.in_union = in_union || t.kind == Kind::union_type;
    for (std::uint32_t i = 0; i < t.parts.count && walk.members_left > 0; ++i) {
        --walk.members_left;
        const Member& m = model_.members[t.parts.first + i];
        if (!m.name.empty() && !walk.path.empty())
            walk.path += '.';
        walk.path += m.name;
        walk.base = base + m.bit_offset;
        const TypeId plain = strip(m.type), inner = element(m.type);
        const bool nested = model_.types[inner].aggregate() && model_.types[inner].name.empty();
        if (nested && plain == inner) {
            collect(inner, walk, depth + 1);
        } else if (!walk.path.empty()) {
            Leaf leaf{.path = walk.path,
                      .type = m.type,
                      .bit_offset = walk.base,
                      .bit_size = m.bit_size ? m.bit_size : size_of(m.type) * 8,
                      .identity = of(m.type),
                      .bit_field = m.bit_size != 0,
                      .in_union = walk.in_union,
                      .source = m.source};
            walk.leaves.push_back(std::move(leaf));
        }
        walk.path.resize(path_length);
    }
    walk.base = base;
    walk.in_union = in_union;
}

std::vector<Leaf> Identity::leaves(TypeId id) {
    Walk walk;
    if (model_.types[id].aggregate())
        collect(id, walk, 0);
    std::stable_sort(walk.leaves.begin(), walk.leaves.end(),
                     [](const Leaf& a, const Leaf& b) { return a.bit_offset < b.bit_offset; });
    return std::move(walk.leaves);
}

std::string Identity::key(TypeId id) const {
    const Type& t = model_.types[id];
    if (t.declaration || !(t.aggregate() || t.kind == Kind::enumeration))
        return {};
    std::string scope;
    if (t.scope != no_function)
        scope = fmt::format("{}:", model_.functions[t.scope].name);
    if (t.named_by_alias)
        return fmt::format("{}alias {}", scope, t.name);
    if (!t.name.empty())
        return fmt::format("{}tag {}", scope, t.name);
    // C puts enumerators into the scope around: the first one's name is as good as a name
    if (t.kind == Kind::enumeration && t.parts.count > 0)
        return fmt::format("{}enum {}", scope, model_.enumerators[t.parts.first].name);
    return {};
}

} // namespace xlp::types
