// SPDX-License-Identifier: GPL-2.0-only
#include "payload/types/reader.h"

#include <algorithm>

namespace xlp::types {

SourcePoint Reader::source(const Attributes& a) const {
    if (a.file >= file_count_)
        return {0, narrow(a.line)};
    return {first_file_ + static_cast<std::uint32_t>(a.file), narrow(a.line)};
}

void Reader::files(Dwarf_Die& unit) {
    first_file_ = static_cast<std::uint32_t>(model_.files.size());
    file_count_ = 0;
    Dwarf_Files* table = nullptr;
    std::size_t count = 0;
    if (dwarf_getsrcfiles(&unit, &table, &count) != 0)
        return; // the types are worth having without lines
    Dwarf_Attribute attribute;
    const char* folder = nullptr;
    if (dwarf_attr(&unit, DW_AT_comp_dir, &attribute))
        folder = dwarf_formstring(&attribute);
    for (std::size_t i = 0; i < count; ++i) {
        const char* name = dwarf_filesrc(table, i, nullptr, nullptr);
        model_.files.push_back(name ? source_name(name, folder ? folder : "") : "");
    }
    file_count_ = static_cast<std::uint32_t>(count);
}

void Reader::symbols() {
    for (const elf::Symbol& s : object_.symbols())
        if (s.defined() && !s.name.empty() && (s.type == STT_FUNC || s.type == STT_OBJECT))
            symbol_at_.emplace(model_.info->address({s.section, s.value}), s.name);
}

void Reader::entry(Dwarf_Die& die, Context context) {
    if (context.depth > max_entry_depth) {
        damaged_ = true;
        return;
    }
    const int tag = dwarf_tag(&die);
    auto inside = [&](Dwarf_Die& child) { entry(child, {context.function, context.depth + 1}); };
    switch (tag) {
    case DW_TAG_base_type:
    case DW_TAG_unspecified_type:
        type(die, attributes_of(die), Kind::base, context);
        break;
    case DW_TAG_pointer_type:
        type(die, attributes_of(die), Kind::pointer, context);
        break;
    case DW_TAG_typedef:
        type(die, attributes_of(die), Kind::alias, context);
        break;
    case DW_TAG_const_type:
        type(die, attributes_of(die), Kind::constant, context);
        break;
    case DW_TAG_volatile_type:
    case DW_TAG_restrict_type:
    case DW_TAG_atomic_type:
        type(die, attributes_of(die), Kind::qualifier, context);
        break;
    case DW_TAG_array_type:
        array(die, attributes_of(die), context);
        break;
    case DW_TAG_structure_type:
        aggregate(die, attributes_of(die), Kind::structure, {context.function, context.depth + 1});
        break;
    case DW_TAG_union_type:
        aggregate(die, attributes_of(die), Kind::union_type, {context.function, context.depth + 1});
        break;
    case DW_TAG_enumeration_type:
        enumeration(die, attributes_of(die), context);
        break;
    case DW_TAG_subroutine_type:
        function_type(die, attributes_of(die), context);
        break;
    case DW_TAG_subprogram:
        function(die, attributes_of(die), context);
        break;
    case DW_TAG_variable:
        variable(attributes_of(die), context);
        break;
    case DW_TAG_inlined_subroutine:
        if (const Attributes a = attributes_of(die); a.origin && context.function != no_function)
            inlines_.push_back({context.function, a.origin});
        children(die, inside);
        break;
    case DW_TAG_lexical_block:
    case DW_TAG_namespace:
        children(die, inside);
        break;
    default: // parameters and members are read by their parents
        break;
    }
}

namespace {
template <class Ids>
std::uint32_t find(const Ids& offsets, std::uint64_t offset, std::uint32_t none,
                   std::uint32_t first) {
    auto at = std::lower_bound(offsets.begin(), offsets.end(), offset);
    if (at == offsets.end() || *at != offset)
        return none;
    return first + static_cast<std::uint32_t>(at - offsets.begin());
}

} // namespace

TypeId Reader::type_id(std::uint64_t offset) const {
    return offset ? find(type_at_, offset, 0, 1) : 0;
}

FunctionId Reader::function_id(std::uint64_t offset) const {
    return offset ? find(function_at_, offset, no_function, 0) : no_function;
}

void Reader::resolve() {
    for (std::size_t i = 0; i < target_of_type_.size(); ++i)
        model_.types[i + 1].target = type_id(target_of_type_[i]);
    for (std::size_t i = 0; i < type_of_member_.size(); ++i)
        model_.members[i].type = type_id(type_of_member_[i]);
    for (std::uint64_t offset : type_of_parameter_)
        model_.parameters.push_back(type_id(offset));
    for (std::size_t i = 0; i < model_.functions.size(); ++i) {
        model_.functions[i].result = type_id(result_of_function_[i]);
        model_.functions[i].origin = function_id(origin_of_function_[i]);
    }
    for (const LateMention& m : mentions_)
        model_.functions[m.function].mentions.push_back({type_id(m.type), m.as});
    for (const LateInline& l : inlines_)
        if (FunctionId origin = function_id(l.origin); origin != no_function)
            model_.functions[l.function].inlines.push_back(origin);
    for (std::size_t i = 0; i < type_of_variable_.size(); ++i)
        model_.variables[i].type = type_id(type_of_variable_[i]);
}

// typedef struct { ... } mfn_t: the structure has no name but this one.
void Reader::name_by_aliases() {
    for (const Type& alias : model_.types) {
        if (alias.kind != Kind::alias || alias.target == 0)
            continue;
        Type& t = model_.types[alias.target];
        if (t.name.empty() && (t.aggregate() || t.kind == Kind::enumeration)) {
            t.name = alias.name;
            t.named_by_alias = true;
        }
    }
}

Result<Model> Reader::read() {
    auto info = DebugInfo::open(object_);
    if (!info)
        return fail(info);
    model_.info = std::move(*info);
    if (!model_.info)
        return std::move(model_);
    entries_left_ = model_.info->entry_bytes(); // no entry takes less than a byte
    symbols();
    Dwarf_CU* cu = nullptr;
    Dwarf_Die unit;
    std::uint8_t unit_type = 0;
    int more = 0;
    while (
        (more = dwarf_get_units(model_.info->dwarf(), cu, &cu, nullptr, &unit_type, &unit, nullptr))
        == 0) {
        files(unit);
        children(unit, [&](Dwarf_Die& child) { entry(child, {}); });
    }
    if (more < 0 || damaged_ || !std::is_sorted(type_at_.begin(), type_at_.end())
        || !std::is_sorted(function_at_.begin(), function_at_.end()))
        return fail(
            bad_input("types.corrupt",
                      "The object's debug information is damaged: its entries do not form a tree.",
                      "Recompile the object with -g.", {.file = object_.name()}));
    resolve();
    name_by_aliases();
    return std::move(model_);
}

namespace {

void enter(Model& model, const DataUses& uses) {
    std::unordered_map<std::string_view, FunctionId> functions;
    std::unordered_map<std::string_view, std::uint32_t> variables;
    for (FunctionId f = 0; f < model.functions.size(); ++f)
        if (!model.functions[f].symbol.empty())
            functions.emplace(model.functions[f].symbol, f);
    for (std::uint32_t v = 0; v < model.variables.size(); ++v) {
        const Variable& variable = model.variables[v];
        const bool elsewhere = variable.declaration && variable.function == no_function;
        if (const auto symbol = elsewhere ? variable.name : variable.symbol; !symbol.empty())
            variables.emplace(symbol, v);
    }
    for (const DataUse& use : uses) {
        const auto f = functions.find(use.function);
        const auto v = variables.find(use.datum);
        if (f != functions.end() && v != variables.end())
            model.functions[f->second].touched.push_back(v->second);
    }
}

} // namespace

Result<Model> read_model(const elf::Object& object, const DataUses& uses) {
    auto model = Reader(object).read();
    if (model)
        enter(*model, uses);
    return model;
}

} // namespace xlp::types
