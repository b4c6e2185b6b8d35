// SPDX-License-Identifier: GPL-2.0-only
// Questions about one model's types: size, spelling, and identity. Two types of two models are the
// same where their identities are equal. Named structures, unions and enumerations are identified
// by name, wherever they are referred to; their contents are compared once for each name. So cycles
// need no care, a type only declared is the same as one defined, and all is linear in the input.
#pragma once

#include "payload/types/model.h"

#include <optional>
#include <string>
#include <vector>

namespace xlp::types {

// One thing in a structure or union that has a place: nameless and unnamed structures inside it are
// taken apart ("arch.hvm.flag"), named ones are not.
struct Leaf {
    std::string path;
    TypeId type = 0;
    std::uint64_t bit_offset = 0;
    std::uint64_t bit_size = 0;
    std::uint64_t identity = 0;
    bool bit_field = false;
    bool in_union = false; // shares its place with others by intent
    SourcePoint source;

    std::uint64_t end() const { return bit_offset + bit_size; }
};

class Identity {
public:
    // The model must outlive this.
    explicit Identity(const Model& model);

    // A hash: equal for the same type in two models. Aliases and qualifiers do not count, nor do
    // names of base types of equal size and encoding.
    std::uint64_t of(TypeId);
    std::uint64_t size_of(TypeId); // bytes; 0 if unknown
    // As C has it, without qualifiers: "struct domain *", "unsigned int [4]".
    std::string spell(TypeId);
    std::string prototype(const Function&); // "int (struct domain *, unsigned int)"

    // Past aliases and qualifiers.
    TypeId strip(TypeId) const;
    // Past aliases, qualifiers and arrays.
    TypeId element(TypeId) const;
    // Whether it is const, or an array of what is.
    bool constant(TypeId) const;
    // The same, for what is known here by name only: the definition, if this model has one.
    TypeId defined(TypeId) const;

    // By offset. Empty for what is no structure or union. At most max_leaves.
    std::vector<Leaf> leaves(TypeId);

    // What the type is found by in the other model: "struct domain", "local f:struct x", "mfn_t".
    // Empty for types that are only found through others.
    std::string key(TypeId) const;

    static constexpr std::size_t max_leaves = 20000;

private:
    struct Walk; // of leaves()

    const Model& model_;
    std::vector<std::uint64_t> hash_; // by TypeId; 0: not yet known
    std::vector<TypeId> definition_;  // by TypeId, of declarations
    unsigned depth_ = 0;
    unsigned spell_budget_ = 0;

    std::uint64_t compute(const Type&);
    std::string spell(TypeId, unsigned depth);
    void collect(TypeId, Walk&, unsigned depth);
};

// The name as people write it: "struct domain", "enum x", "mfn_t", "struct" if it has none.
std::string display_name(const Model&, TypeId);

} // namespace xlp::types
