// SPDX-License-Identifier: GPL-2.0-only
// From the tree of debugging information entries to the model's tables. One pass in the order of
// the file, so that entries' offsets ascend; references between entries, which may point forward,
// are kept as offsets beside the tables and resolved at the end.
#include "payload/types/attributes.h"
#include "payload/types/model.h"

#include <algorithm>
#include <fmt/format.h>
#include <limits>
#include <unordered_map>

namespace xlp::types {

namespace {

// Deeper nesting than any compiler makes; bounds the recursion on damaged input.
constexpr unsigned max_depth = 200;

std::uint32_t narrow(std::uint64_t v) {
    return v > std::numeric_limits<std::uint32_t>::max() ? 0 : static_cast<std::uint32_t>(v);
}

class Reader {
public:
    explicit Reader(const elf::Object& object) : object_(object) {}
    Result<Model> read();

private:
    struct Context {
        FunctionId function = no_function;
        unsigned depth = 0;
    };

    Model model_;
    const elf::Object& object_;
    bool damaged_ = false;
    std::uint64_t entries_left_ = 0;
    std::uint32_t first_file_ = 0;       // in Model::files, of the unit that is read
    std::uint32_t file_count_ = 0;       // of that unit
    std::vector<std::uint64_t> type_at_; // by TypeId: offset of its entry
    std::vector<std::uint64_t> function_at_;
    std::unordered_map<std::uint64_t, std::string_view> symbol_at_; // by address

    // offsets that wait for the end, beside the tables
    std::vector<std::uint64_t> target_of_type_;
    std::vector<std::uint64_t> type_of_member_;
    std::vector<std::uint64_t> type_of_parameter_;
    std::vector<std::uint64_t> result_of_function_;
    std::vector<std::uint64_t> origin_of_function_;
    struct LateMention {
        FunctionId function;
        std::uint64_t type;
        Mention::As as;
    };
    std::vector<LateMention> mentions_;
    struct LateInline {
        FunctionId function;
        std::uint64_t origin;
    };
    std::vector<LateInline> inlines_;
    std::vector<std::uint64_t> type_of_variable_;

    template <class Each>
    void children(Dwarf_Die& parent, Each each);
    void files(Dwarf_Die& unit);
    void symbols();
    void entry(Dwarf_Die&, Context);
    TypeId type(Dwarf_Die&, const Attributes&, Kind, Context);
    void aggregate(Dwarf_Die&, const Attributes&, Kind, Context);
    void enumeration(Dwarf_Die&, const Attributes&, Context);
    void array(Dwarf_Die&, const Attributes&, Context);
    void function_type(Dwarf_Die&, const Attributes&, Context);
    void function(Dwarf_Die&, const Attributes&, Context);
    void variable(Dwarf_Die&, Attributes, Context);
    SourcePoint source(const Attributes&) const;
    TypeId type_id(std::uint64_t offset) const;
    FunctionId function_id(std::uint64_t offset) const;
    void resolve();
    void name_by_aliases();
};

template <class Each>
void Reader::children(Dwarf_Die& parent, Each each) {
    Dwarf_Die child;
    int more = dwarf_child(&parent, &child);
    std::uint64_t last = dwarf_dieoffset(&parent);
    while (more == 0) {
        const std::uint64_t here = dwarf_dieoffset(&child);
        if (here <= last || entries_left_ == 0) {
            damaged_ = true; // a sibling that lies behind: following it might never end
            return;
        }
        --entries_left_;
        last = here;
        each(child);
        Dwarf_Die next;
        more = dwarf_siblingof(&child, &next);
        child = next;
    }
    if (more < 0)
        damaged_ = true;
}

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

void Reader::variable(Dwarf_Die& die, Attributes a, Context context) {
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
    (void)die;
}

void Reader::entry(Dwarf_Die& die, Context context) {
    if (context.depth > max_depth) {
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
        variable(die, attributes_of(die), context);
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

template <class Ids>
std::uint32_t find(const Ids& offsets, std::uint64_t offset, std::uint32_t none,
                   std::uint32_t first) {
    auto at = std::lower_bound(offsets.begin(), offsets.end(), offset);
    if (at == offsets.end() || *at != offset)
        return none;
    return first + static_cast<std::uint32_t>(at - offsets.begin());
}

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
        return fail(std::move(info.error()));
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
        return fail(bad_input("types.corrupt",
                              "The debug information of the object is damaged: its entries do not "
                              "form a tree.",
                              "Compile the object anew with -g.", {.file = object_.name()}));
    resolve();
    name_by_aliases();
    return std::move(model_);
}

} // namespace

Result<Model> read_model(const elf::Object& object) {
    return Reader(object).read();
}

} // namespace xlp::types
