// SPDX-License-Identifier: GPL-2.0-only
// Entries that are functions and variables.
#include "payload/types/reader.h"

namespace xlp::types {

void Reader::function(Dwarf_Die& die, const Attributes& a, Context context) {
    const auto id = static_cast<FunctionId>(model_.functions.size());
    Function f;
    f.name = a.name;
    f.declaration = a.declaration;
    f.external = a.external;
    f.source = source(a);
    Dwarf_Addr base = 0, begin = 0, end = 0;
    if (dwarf_ranges(&die, 0, &base, &begin, &end) > 0) {
        f.address = begin;
        if (auto found = symbol_at_.find(begin); found != symbol_at_.end())
            f.symbol = found->second;
    }
    model_.functions.push_back(std::move(f));
    function_at_.push_back(dwarf_dieoffset(&die));
    result_of_function_.push_back(a.type);
    origin_of_function_.push_back(a.origin);
    if (a.type)
        mentions_.push_back({id, a.type, Mention::As::result});

    const Context inside{id, context.depth + 1};
    std::vector<std::uint64_t> parameters;
    children(die, [&](Dwarf_Die& child) {
        if (dwarf_tag(&child) == DW_TAG_unspecified_parameters)
            model_.functions[id].variadic = true;
        else if (dwarf_tag(&child) == DW_TAG_formal_parameter)
            if (const Attributes p = attributes_of(child); p.type) {
                parameters.push_back(p.type);
                mentions_.push_back({id, p.type, Mention::As::parameter});
            }
        entry(child, inside);
    });
    model_.functions[id].parameters = {narrow(type_of_parameter_.size()),
                                       narrow(parameters.size())};
    type_of_parameter_.insert(type_of_parameter_.end(), parameters.begin(), parameters.end());
}

void Reader::variable(Attributes a, Context context) {
    const bool in_function = context.function != no_function;
    const bool is_static = a.static_address || !in_function || a.external || a.declaration;
    if (!is_static) {
        // of a copy, the original has the type
        if (a.type)
            mentions_.push_back({context.function, a.type, Mention::As::local});
        return;
    }
    if (a.origin) { // the other entry has what this one lacks
        Dwarf_Die origin;
        if (!dwarf_offdie(model_.info->dwarf(), a.origin, &origin))
            return;
        const Attributes first = attributes_of(origin);
        if (a.name.empty())
            a.name = first.name;
        if (!a.type)
            a.type = first.type;
        if (!a.line) {
            a.line = first.line;
            a.file = first.file;
        }
    }
    Variable v;
    v.name = a.name;
    v.function = context.function;
    v.declaration = a.declaration;
    v.source = source(a);
    if (a.static_address)
        if (auto found = symbol_at_.find(*a.static_address); found != symbol_at_.end())
            v.symbol = found->second;
    model_.variables.push_back(v);
    type_of_variable_.push_back(a.type);
}

} // namespace xlp::types
