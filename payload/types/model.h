// SPDX-License-Identifier: GPL-2.0-only
// What an object's debug information says of its types, functions and variables, as plain tables
// with indices, so that comparing needs no DWARF. Names point into the object's debug information,
// which the model keeps.
#pragma once

#include "payload/types/debug_info.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace xlp::types {

using TypeId = std::uint32_t; // index into Model::types; 0 is void
using FunctionId = std::uint32_t;
inline constexpr FunctionId no_function = ~FunctionId{0};

enum class Kind : std::uint8_t {
    void_type,
    base,
    pointer,
    array,
    structure,
    union_type,
    enumeration,
    alias,     // typedef
    constant,  // const
    qualifier, // volatile, restrict, atomic
    function   // the type of a function, as pointers to functions have it
};

// A range of one of the model's tables.
struct Slice {
    std::uint32_t first = 0;
    std::uint32_t count = 0;
};

struct SourcePoint {
    std::uint32_t file = 0; // index into Model::files; 0 is unknown
    std::uint32_t line = 0;
};

struct Type {
    Kind kind = Kind::void_type;
    bool declaration = false;  // named only; its contents are unknown in this unit
    bool variadic = false;     // of a function type
    std::uint8_t encoding = 0; // of a base type: DW_ATE_*
    std::string_view name;     // without "struct"; of a nameless type that of its first typedef
    bool named_by_alias = false;
    FunctionId scope = no_function; // declared in this function's body
    std::uint64_t size = 0;         // bytes; of arrays and aliases see size_of()
    TypeId target = 0;              // pointee, element, aliased, qualified or returned type
    Slice parts; // members, enumerators, parameters (of function types), or lengths (of arrays)
    SourcePoint source;

    bool aggregate() const { return kind == Kind::structure || kind == Kind::union_type; }
};

struct Member {
    std::string_view name; // empty for a nameless structure or union inside
    TypeId type = 0;
    std::uint64_t bit_offset = 0;
    std::uint64_t bit_size = 0; // of a bit-field; else 0
    SourcePoint source;
};

struct Enumerator {
    std::string_view name;
    std::int64_t value = 0;
};

// A type that a function's own variables, parameters or result have.
struct Mention {
    enum class As : std::uint8_t { local, parameter, result };
    TypeId type = 0;
    As as = As::local;
};

struct Function {
    std::string_view name;
    std::string_view symbol;   // of its code in this object; empty if it has none (inlined only)
    std::uint64_t address = 0; // of its code, as DebugInfo has it
    bool declaration = false;  // only called here
    bool external = false;
    bool variadic = false;
    TypeId result = 0;
    Slice parameters;                // in Model::parameters
    FunctionId origin = no_function; // of a copy: the function that was written
    std::vector<Mention> mentions;
    std::vector<FunctionId> inlines;    // functions inlined into it
    std::vector<std::uint32_t> touched; // in Model::variables: those that its code refers to
    SourcePoint source;
};

// With static storage: globals, file statics, static locals.
struct Variable {
    std::string_view name;
    std::string_view symbol;           // in this object, if it has one
    FunctionId function = no_function; // of a static local
    TypeId type = 0;
    bool declaration = false; // defined elsewhere
    SourcePoint source;
};

struct Model {
    std::shared_ptr<DebugInfo> info; // null: the object has no debug information
    std::vector<std::string> files{""};
    std::vector<Type> types{Type{}};
    std::vector<Member> members;
    std::vector<Enumerator> enumerators;
    std::vector<TypeId> parameters; // of functions and function types
    std::vector<std::uint64_t> lengths;
    std::vector<Function> functions;
    std::vector<Variable> variables;
};

// What the code of functions refers to, by symbol. Debug information does not tell.
struct DataUse {
    std::string_view function, datum;
};
using DataUses = std::vector<DataUse>;

// Errors: types.corrupt. An object without debug information gives an empty model. Data uses of
// what it does not know are ignored.
Result<Model> read_model(const elf::Object&, const DataUses& = {});

} // namespace xlp::types
