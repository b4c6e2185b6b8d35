// SPDX-License-Identifier: GPL-2.0-only
#include "payload/types/attributes.h"

#include <cstring>

namespace xlp::types {

namespace {
std::string_view text(Dwarf_Attribute* a) {
    const char* s = dwarf_formstring(a);
    return s ? std::string_view(s) : std::string_view();
}

std::optional<std::uint64_t> number(Dwarf_Attribute* a) {
    Dwarf_Word v = 0;
    switch (dwarf_whatform(a)) {
    case DW_FORM_exprloc:
    case DW_FORM_block:
    case DW_FORM_block1:
        return std::nullopt; // the length of a variable array, say
    default:
        if (dwarf_formudata(a, &v) != 0)
            return std::nullopt;
        return v;
    }
}

std::int64_t signed_number(Dwarf_Attribute* a) {
    // compilers write a small positive value as data1: only these forms carry a sign
    const unsigned form = dwarf_whatform(a);
    if (form == DW_FORM_sdata || form == DW_FORM_implicit_const) {
        Dwarf_Sword v = 0;
        return dwarf_formsdata(a, &v) == 0 ? v : 0;
    }
    return static_cast<std::int64_t>(number(a).value_or(0));
}

bool flag(Dwarf_Attribute* a) {
    bool v = false;
    return dwarf_formflag(a, &v) == 0 && v;
}

std::uint64_t reference(Dwarf_Attribute* a) {
    Dwarf_Die target;
    return dwarf_formref_die(a, &target) ? dwarf_dieoffset(&target) : 0;
}

void location(Dwarf_Attribute* a, Attributes& out) {
    const unsigned form = dwarf_whatform(a);
    if (form != DW_FORM_exprloc && form != DW_FORM_block1 && form != DW_FORM_block)
        return; // a list of locations: registers and stack
    Dwarf_Op* operations = nullptr;
    std::size_t count = 0;
    if (dwarf_getlocation(a, &operations, &count) != 0 || count != 1)
        return;
    if (operations[0].atom == DW_OP_addr)
        out.static_address = operations[0].number;
    Dwarf_Attribute indirect; // DW_OP_addrx: the address is in .debug_addr
    Dwarf_Addr address = 0;
    if (operations[0].atom == DW_OP_addrx && dwarf_getlocation_attr(a, operations, &indirect) == 0
        && dwarf_formaddr(&indirect, &address) == 0)
        out.static_address = address;
}

void member_location(Dwarf_Attribute* a, Attributes& out) {
    if (auto v = number(a)) {
        out.member_location = *v;
        return;
    }
    Dwarf_Op* operations = nullptr;
    std::size_t count = 0;
    if (dwarf_getlocation(a, &operations, &count) == 0 && count == 1
        && operations[0].atom == DW_OP_plus_uconst)
        out.member_location = operations[0].number;
}

int take(Dwarf_Attribute* a, void* into) {
    auto& out = *static_cast<Attributes*>(into);
    switch (dwarf_whatattr(a)) {
    case DW_AT_name:
        out.name = text(a);
        break;
    case DW_AT_linkage_name:
        out.linkage_name = text(a);
        break;
    case DW_AT_type:
        out.type = reference(a);
        break;
    case DW_AT_abstract_origin:
    case DW_AT_specification:
        out.origin = reference(a);
        break;
    case DW_AT_byte_size:
        out.byte_size = number(a);
        break;
    case DW_AT_bit_size:
        out.bit_size = number(a).value_or(0);
        break;
    case DW_AT_data_bit_offset:
        out.data_bit_offset = number(a);
        break;
    case DW_AT_bit_offset:
        out.old_bit_offset = number(a);
        break;
    case DW_AT_data_member_location:
        member_location(a, out);
        break;
    case DW_AT_upper_bound:
        out.upper_bound = number(a);
        break;
    case DW_AT_count:
        out.length = number(a);
        break;
    case DW_AT_const_value:
        out.value = signed_number(a);
        break;
    case DW_AT_location:
        location(a, out);
        break;
    case DW_AT_encoding:
        out.encoding = number(a).value_or(0);
        break;
    case DW_AT_decl_file:
        out.file = number(a).value_or(0);
        break;
    case DW_AT_decl_line:
        out.line = number(a).value_or(0);
        break;
    case DW_AT_declaration:
        out.declaration = flag(a);
        break;
    case DW_AT_external:
        out.external = flag(a);
        break;
    default:
        break;
    }
    return DWARF_CB_OK;
}
} // namespace

Attributes attributes_of(Dwarf_Die& die) {
    Attributes out;
    dwarf_getattrs(&die, take, &out, 0);
    return out;
}

} // namespace xlp::types
