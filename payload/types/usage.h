// SPDX-License-Identifier: GPL-2.0-only
// Where objects of a type live, and which functions handle them, as far as one unit tells.
#pragma once

#include "payload/types/identity.h"

#include <map>
#include <string>
#include <vector>

namespace xlp::types {

// What speaks for or against objects that outlive a call. "It" is the type, or one that contains it
// by value. Of several units, what each saw counts: combine with |=.
struct Evidence {
    bool static_value = false;   // a variable with static storage is or contains it
    bool static_reach = false;   // pointers lead to it from a variable with static storage
    bool member_pointer = false; // some structure has a pointer to it
    bool returned = false;       // some function returns a pointer to it
    bool local_pointer = false;  // an automatic variable points to it
    bool parameter = false;      // a parameter is it or points to it
    bool automatic = false;      // an automatic variable is or contains it

    Evidence& operator|=(const Evidence&);
};

enum class Lifetime {
    unused,        // nothing of this unit has to do with it
    on_stack_only, // automatic variables, and pointers to them handed down
    maybe,         // cannot be told: treat as in_memory
    in_memory      // objects made before the patch exist, or must be assumed to
};

Lifetime lifetime_of(const Evidence&);

// What a function has to do with a type.
struct Use {
    // Members that are pointers, from what it has at hand to an object of the type: 0 if it holds
    // or points to one itself. The more, the less likely it is that the function cares.
    unsigned hops = 0;
    bool creates = false; // has an automatic variable that is or contains it

    bool operator==(const Use&) const = default;
};

struct Usage {
    Evidence evidence;
    // Functions with code in this unit, by symbol, that have variables, parameters or a result of
    // the type, of one that contains it, or of one from which pointers lead to it, or that refer to
    // a variable with static storage of such a type. Inlined functions count for those that they
    // were inlined into.
    std::map<std::string, Use> users;

    Lifetime lifetime() const { return lifetime_of(evidence); }
    Usage& operator|=(const Usage&);
};

// A model's types as a graph of what contains and what points to what.
class UsageGraph {
public:
    UsageGraph(const Model&, const Identity&); // both must outlive this
    // Of a structure, union or enumeration. Linear in the model's size.
    Usage of(TypeId) const;

private:
    struct Edge {
        TypeId from = 0;
        bool pointer = false;
    };
    struct Handled { // what a type comes down to, past arrays and any number of pointers
        TypeId core = 0;
        bool pointer = false;
    };

    const Model& model_;
    const Identity& identity_;
    std::vector<std::uint32_t> first_edge_; // by TypeId, into edges_: who contains or points to it
    std::vector<Edge> edges_;
    std::vector<bool> reached_; // by TypeId: from variables with static storage

    Handled handled(TypeId) const;
    std::vector<Use> direct_uses(const std::vector<unsigned>& hops, Evidence&) const;
    void find_edges();
    void find_reached();
};

} // namespace xlp::types
