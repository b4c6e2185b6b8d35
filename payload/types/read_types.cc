// SPDX-License-Identifier: GPL-2.0-only
// Entries that are types.
#include "payload/types/reader.h"

namespace xlp::types {

TypeId Reader::type(Dwarf_Die& die, const Attributes& a, Kind kind, Context context) {
    Type t;
    t.kind = kind;
    t.declaration = a.declaration;
    t.encoding = static_cast<std::uint8_t>(a.encoding);
    t.name = a.name;
    t.scope = context.function;
    t.size = a.byte_size.value_or(kind == Kind::pointer ? 8 : 0);
    t.source = source(a);
    model_.types.push_back(t);
    type_at_.push_back(dwarf_dieoffset(&die));
    target_of_type_.push_back(a.type);
    return static_cast<TypeId>(model_.types.size() - 1);
}

void Reader::aggregate(Dwarf_Die& die, const Attributes& a, Kind kind, Context context) {
    const TypeId id = type(die, a, kind, context);
    std::vector<Member> members; // types declared inside come between, so gather first
    std::vector<std::uint64_t> types;
    children(die, [&](Dwarf_Die& child) {
        if (dwarf_tag(&child) != DW_TAG_member) {
            entry(child, context);
            return;
        }
        const Attributes m = attributes_of(child);
        Member member{.name = m.name, .bit_size = m.bit_size, .source = source(m)};
        if (m.data_bit_offset)
            member.bit_offset = *m.data_bit_offset;
        else if (m.old_bit_offset) // counted from the most significant bit of the storage unit
            member.bit_offset = m.member_location * 8 + m.byte_size.value_or(0) * 8
                                - *m.old_bit_offset - m.bit_size;
        else
            member.bit_offset = m.member_location * 8;
        members.push_back(member);
        types.push_back(m.type);
    });
    model_.types[id].parts = {narrow(model_.members.size()), narrow(members.size())};
    model_.members.insert(model_.members.end(), members.begin(), members.end());
    type_of_member_.insert(type_of_member_.end(), types.begin(), types.end());
}

void Reader::enumeration(Dwarf_Die& die, const Attributes& a, Context context) {
    const TypeId id = type(die, a, Kind::enumeration, context);
    Slice parts{narrow(model_.enumerators.size()), 0};
    children(die, [&](Dwarf_Die& child) {
        if (dwarf_tag(&child) != DW_TAG_enumerator)
            return;
        const Attributes e = attributes_of(child);
        model_.enumerators.push_back({e.name, e.value});
        ++parts.count;
    });
    model_.types[id].parts = parts;
}

void Reader::array(Dwarf_Die& die, const Attributes& a, Context context) {
    const TypeId id = type(die, a, Kind::array, context);
    Slice parts{narrow(model_.lengths.size()), 0};
    children(die, [&](Dwarf_Die& child) {
        if (dwarf_tag(&child) != DW_TAG_subrange_type)
            return;
        const Attributes r = attributes_of(child);
        // an upper bound of -1 is how some compilers write int x[0]
        model_.lengths.push_back(r.length ? *r.length : r.upper_bound ? *r.upper_bound + 1 : 0);
        ++parts.count;
    });
    model_.types[id].parts = parts;
}

void Reader::function_type(Dwarf_Die& die, const Attributes& a, Context context) {
    const TypeId id = type(die, a, Kind::function, context);
    Slice parts{narrow(type_of_parameter_.size()), 0};
    children(die, [&](Dwarf_Die& child) {
        if (dwarf_tag(&child) == DW_TAG_unspecified_parameters) {
            model_.types[id].variadic = true;
        } else if (dwarf_tag(&child) == DW_TAG_formal_parameter) {
            type_of_parameter_.push_back(attributes_of(child).type);
            ++parts.count;
        }
    });
    model_.types[id].parts = parts;
}

} // namespace xlp::types
