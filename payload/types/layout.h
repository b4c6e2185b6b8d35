// SPDX-License-Identifier: GPL-2.0-only
// How the layout of one structure or union changed, and what that does to an object of it that was
// made before the patch.
#pragma once

#include "payload/types/identity.h"

#include <string>
#include <vector>

namespace xlp::types {

// The order is that of weight.
enum class Effect {
    none,    // the same in memory
    renamed, // a member got another name; same place, same type
    retyped, // a member got another type of the same size in the same place
    padding, // new members where nothing, or padding, was: old objects have whatever was there
    layout   // size, offset or use of bytes changed: old objects are not what new code expects
};

struct MemberChange {
    enum class What { added, removed, moved, resized, retyped, renamed };
    What what = What::moved;
    std::string path;     // "arch.hvm.flag"; of a renamed one the new path
    std::string old_path; // of a renamed one
    // Bits from the start of the structure; meaningless on the side where the member is missing.
    std::uint64_t old_bit_offset = 0, new_bit_offset = 0;
    std::uint64_t old_bit_size = 0, new_bit_size = 0;
    std::string old_type, new_type; // as C has them
    std::string embedded; // a resized member: the named structure in it that changed its size
    std::string source;   // of the member, in the patched source where it is there
    unsigned line = 0;
};

struct LayoutChange {
    Effect effect = Effect::none;
    std::uint64_t old_size = 0, new_size = 0;
    std::vector<MemberChange> members; // by new offset, removed ones first
    // All of it comes from structures inside that changed their size; these are named here.
    std::vector<std::string> because_of;
};

// Both types are structures or unions.
LayoutChange compare_layout(const Model& before, Identity& old_identity, TypeId old_type,
                            const Model& after, Identity& new_identity, TypeId new_type);

} // namespace xlp::types
