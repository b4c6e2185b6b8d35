// SPDX-License-Identifier: GPL-2.0-only
// Whether code compiled from the patched source can live with what the original code has left in
// memory, and with original code that stays: the types of a unit before and after.
#pragma once

#include "payload/elf/object.h"
#include "payload/types/layout.h"
#include "payload/types/usage.h"

#include <cstdint>
#include <string>
#include <vector>

namespace xlp::types {

struct SourceLine {
    std::string file; // "xen/include/xen/sched.h"
    unsigned line = 0;
};

// A structure or union that both builds have and that differs.
struct StructChange {
    std::string name;  // "struct domain", "mfn_t"
    std::string scope; // function, if declared in one
    LayoutChange layout;
    SourceLine source; // of the type in the patched source
    Usage usage;
};

struct EnumeratorChange {
    std::string name;
    std::int64_t old_value = 0, new_value = 0;
};

struct EnumChange {
    std::string name; // "enum x", or "enum with A" for a nameless one
    std::string scope;
    std::vector<EnumeratorChange> changed;
    std::vector<std::string> added;
    std::vector<std::string> removed;
    // The only value that changed is the greatest, made greater by additions, and its name says
    // that it counts, as in enum { A, B, NR_X }. Arrays of that length are changes of their own.
    bool only_count = false;
    std::uint64_t old_size = 0, new_size = 0;
    SourceLine source;
    Usage usage;

    bool compatible() const { return changed.empty() && removed.empty() && old_size == new_size; }
};

// A function defined in both objects whose result or parameters differ: callers of the old form
// must not meet the new one.
struct FunctionChange {
    std::string name;
    std::vector<std::string> symbols; // of its code in the patched object; none if only inlined
    bool external = false;
    std::string old_prototype, new_prototype;
    std::string what; // "parameter 2 was `int`, now `long`"
    SourceLine source;
};

// A variable with static storage that both objects have.
struct VariableChange {
    std::string name;
    std::string function; // of a static local
    std::string old_symbol, new_symbol;
    bool per_cpu = false;
    bool constant = false; // const in both objects
    std::string old_type, new_type;
    std::uint64_t old_size = 0, new_size = 0;
    std::vector<MemberChange> members; // of a nameless structure: what differs in it
    std::string
        because_of; // only its size changed, with this structure's (in TypeChanges::structs)
    SourceLine source;
};

struct TypeChanges {
    bool known = false; // both objects have debug information; else nothing was compared
    std::vector<StructChange> structs;
    std::vector<EnumChange> enums;
    std::vector<FunctionChange> functions;
    std::vector<VariableChange> variables;
    Findings notes; // types.absent

    bool empty() const {
        return structs.empty() && enums.empty() && functions.empty() && variables.empty();
    }
};

// All lists by name, so that the result does not depend on the order of the debug information.
// Types that only one object knows are no change: no object of them exists, or none is used.
// Without debug information in either: an empty result with a note. Errors: types.corrupt.
Result<TypeChanges> compare_types(const elf::Object& original, const elf::Object& patched,
                                  const DataUses& original_uses = {},
                                  const DataUses& patched_uses = {});

// Puts the changes of several units together: what they have in common is there once, with the
// users and the evidence of all.
void merge(TypeChanges& into, TypeChanges from);

} // namespace xlp::types
