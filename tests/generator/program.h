// SPDX-License-Identifier: GPL-2.0-only
// A small C program as data, so that edits can be made to it: functions and variables spread over
// units, with bodies in which names, constants and sizes are tokens.
//
// Tokens in a body: @f3@ and @v2@ the names of function 3 and variable 2, @n2@ the element count of
// variable 2, @c17@ the constant 17, @x@ and @y@ the function's accumulators.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace xlp::generator {

inline constexpr int units = 3;

struct Field {
    std::string name;
    int size = 8; // 1, 2, 4 or 8
    bool is_signed = false;
    std::string type() const; // "unsigned int"
};

struct Variable {
    enum class Kind {
        number,   // or array of them
        record,   // struct, or array of them
        function, // pointer to a function, or array of them
        string,   // array of pointers to strings
        address,  // pointer into another variable
    };
    std::string name;
    Kind kind = Kind::number;
    int unit = 0;
    bool wants_static = true; // and is, where nothing outside of its unit uses it
    bool constant = false;
    bool exists = true;
    int count = 0;  // 0: no array
    int owner = -1; // the function that it is a static local of
    std::string section;
    std::vector<Field> fields;        // of numbers: one
    std::vector<std::uint64_t> init;  // numbers, by element and field; may be short
    std::vector<std::string> targets; // tokens or strings: what elements point to

    int elements() const { return count ? count : 1; }
};

struct Function {
    enum class Form { plain, noinline, always_inline };
    std::string name;
    int unit = 0;
    int rank = 0; // calls functions of higher rank only
    int order = 0;
    bool leaf = false; // calls nothing of the program; may be pointed to
    bool wants_static = true;
    bool in_header = false; // static inline, in each unit that uses it
    bool weak = false;
    bool exists = true;
    int alias_of = -1;
    Form form = Form::plain;
    std::string section;
    std::vector<std::string> body; // statements
    bool outlined = false;         // part of another: gets its accumulators by pointer
};

struct Program {
    std::string prefix;              // of all names: "k3_"
    std::vector<Function> functions; // the first is the entry
    std::vector<Variable> variables;

    // Text of one unit.
    std::string render(int unit) const;
    // Defined in one unit only, by the name that the linker sees.
    bool is_static(const Function&) const;
    bool is_static(const Variable&) const;
    std::string signature(const Function&) const;

    // Functions and variables that the text of a unit names.
    struct Uses {
        std::set<int> functions, variables;
    };
    Uses uses_of(int unit) const;

private:
    void scan(const std::string& text, Uses&) const;
    void scan_function(int, Uses&) const;
    std::string expand(const std::string& text, const Function*) const;
    std::string definition(const Variable&) const;
    std::string declaration(const Variable&, bool with_section) const;
    std::string definition(const Function&) const;
    std::string record_type(const Variable&) const;
};

} // namespace xlp::generator
