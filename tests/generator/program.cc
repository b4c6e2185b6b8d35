// SPDX-License-Identifier: GPL-2.0-only
#include "program.h"

#include <algorithm>
#include <fmt/format.h>

namespace xlp::generator {

namespace {

// Calls `token(kind, number)` for each token and `text(piece)` for what is between.
template <class Text, class Token>
void each_token(const std::string& s, Text text, Token token) {
    std::size_t at = 0;
    while (at < s.size()) {
        const std::size_t begin = s.find('@', at);
        if (begin == s.npos)
            break;
        const std::size_t end = s.find('@', begin + 1);
        text(s.substr(at, begin - at));
        token(s[begin + 1], s.substr(begin + 2, end - begin - 2));
        at = end + 1;
    }
    if (at < s.size())
        text(s.substr(at));
}

std::string quoted(const std::string& s) {
    return "\"" + s + "\"";
}

} // namespace

std::string Field::type() const {
    const char* base = size == 1 ? "char" : size == 2 ? "short" : size == 4 ? "int" : "long";
    return std::string(is_signed ? "signed " : "unsigned ") + base;
}

void Program::scan(const std::string& text, Uses& uses) const {
    each_token(
        text, [](const std::string&) {},
        [&](char kind, const std::string& number) {
            if (kind == 'f')
                uses.functions.insert(std::stoi(number));
            else if (kind == 'v' || kind == 'n')
                uses.variables.insert(std::stoi(number));
        });
}

void Program::scan_function(int id, Uses& uses) const {
    const Function& f = functions[id];
    if (f.alias_of >= 0)
        uses.functions.insert(f.alias_of);
    for (const std::string& s : f.body)
        scan(s, uses);
    for (const Variable& v : variables)
        if (v.exists && v.owner == id)
            for (const std::string& t : v.targets)
                if (v.kind != Variable::Kind::string)
                    scan(t, uses);
}

Program::Uses Program::uses_of(int unit) const {
    Uses uses;
    for (std::size_t i = 0; i < functions.size(); ++i)
        if (functions[i].exists && functions[i].unit == unit && !functions[i].in_header)
            scan_function(static_cast<int>(i), uses);
    for (const Variable& v : variables)
        if (v.exists && v.owner < 0 && v.unit == unit && v.kind != Variable::Kind::string)
            for (const std::string& t : v.targets)
                scan(t, uses);
    // what is inline in the header brings what it uses
    for (bool more = true; more;) {
        more = false;
        const Uses before = uses;
        for (int f : before.functions)
            if (functions[f].in_header)
                scan_function(f, uses);
        more = uses.functions.size() != before.functions.size()
               || uses.variables.size() != before.variables.size();
    }
    return uses;
}

bool Program::is_static(const Function& f) const {
    if (f.in_header)
        return true;
    if (!f.wants_static || f.weak)
        return false;
    const int id = static_cast<int>(&f - functions.data());
    for (int u = 0; u < units; ++u)
        if (u != f.unit && uses_of(u).functions.contains(id))
            return false;
    return true;
}

bool Program::is_static(const Variable& v) const {
    if (v.owner >= 0)
        return true;
    if (!v.wants_static)
        return false;
    const int id = static_cast<int>(&v - variables.data());
    for (int u = 0; u < units; ++u)
        if (u != v.unit && uses_of(u).variables.contains(id))
            return false;
    return true;
}

std::string Program::expand(const std::string& text, const Function* in) const {
    std::string out;
    each_token(
        text, [&](const std::string& s) { out += s; },
        [&](char kind, const std::string& rest) {
            switch (kind) {
            case 'f':
                out += functions[std::stoi(rest)].name;
                break;
            case 'v':
                out += variables[std::stoi(rest)].name;
                break;
            case 'n':
                out += std::to_string(variables[std::stoi(rest)].elements());
                break;
            case 'c':
                out += rest;
                break;
            default: // x, y
                out += in && in->outlined ? fmt::format("(*{})", kind) : std::string(1, kind);
            }
        });
    return out;
}

std::string Program::record_type(const Variable& v) const {
    std::string s = fmt::format("struct {}t{} {{ ", prefix, &v - variables.data());
    for (const Field& f : v.fields)
        s += f.type() + " " + f.name + "; ";
    return s + "}";
}

std::string Program::declaration(const Variable& v, bool with_section) const {
    std::string s = v.constant ? "const " : "";
    const std::string array = v.count ? fmt::format("[{}]", v.count) : "";
    const std::string pointer = v.constant ? "*const " : "*";
    switch (v.kind) {
    case Variable::Kind::number:
        s += v.fields[0].type() + " " + v.name + array;
        break;
    case Variable::Kind::record:
        s += fmt::format("struct {}t{} {}{}", prefix, &v - variables.data(), v.name, array);
        break;
    case Variable::Kind::function:
        s = fmt::format("word_t ({}{}{})(word_t, word_t)", pointer, v.name, array);
        break;
    case Variable::Kind::string:
        s = fmt::format("const char {}{}{}", pointer, v.name, array);
        break;
    case Variable::Kind::address:
        s = fmt::format("word_t {}{}{}", pointer, v.name, array);
        break;
    }
    if (with_section && !v.section.empty())
        s += fmt::format(" __attribute__((__section__(\"{}\")))", v.section);
    return s;
}

std::string Program::definition(const Variable& v) const {
    std::string s = (is_static(v) ? "static " : "") + declaration(v, true);
    std::vector<std::string> elements;
    const std::size_t width = v.fields.empty() ? 1 : v.fields.size();
    if (!v.targets.empty()) {
        for (int i = 0; i < v.elements(); ++i) {
            const std::string& t = v.targets[i % v.targets.size()];
            elements.push_back(v.kind == Variable::Kind::string ? quoted(t) : expand(t, nullptr));
        }
    } else {
        for (std::size_t i = 0; i < v.init.size() && i / width < std::size_t(v.elements());
             i += width) {
            std::string e;
            for (std::size_t f = i; f < std::min(i + width, v.init.size()); ++f)
                e += fmt::format("{}{:#x}ul", f > i ? ", " : "", v.init[f]);
            elements.push_back(v.kind == Variable::Kind::record ? "{ " + e + " }" : e);
        }
    }
    if (!elements.empty()) {
        std::string list;
        for (const std::string& e : elements)
            list += (list.empty() ? "" : ", ") + e;
        s += v.count ? " = { " + list + " }" : " = " + list;
    }
    return s + ";\n";
}

std::string Program::signature(const Function& f) const {
    std::string s;
    if (is_static(f))
        s += "static ";
    if (f.in_header)
        s += "inline ";
    if (f.weak)
        s += "__attribute__((__weak__)) ";
    if (f.form == Function::Form::noinline)
        s += "__attribute__((__noinline__)) ";
    const bool has_labels = std::any_of(f.body.begin(), f.body.end(), [](const std::string& line) {
        return line.find("__label__") != line.npos; // gcc copies no such function
    });
    if (f.form == Function::Form::always_inline && !f.weak && !has_labels)
        s += is_static(f) ? "inline __attribute__((__always_inline__)) " : "";
    if (!f.section.empty())
        s += fmt::format("__attribute__((__section__(\"{}\"))) ", f.section);
    return s
           + (f.outlined ? "cf_check void " + f.name + "(word_t a, word_t b, word_t *x, word_t *y)"
                         : "cf_check word_t " + f.name + "(word_t a, word_t b)");
}

std::string Program::definition(const Function& f) const {
    if (f.alias_of >= 0)
        return fmt::format("word_t {}(word_t, word_t) __attribute__((__alias__(\"{}\")));\n",
                           f.name, functions[f.alias_of].name);
    const int id = static_cast<int>(&f - functions.data());
    std::string s = signature(f) + "\n{\n";
    for (const Variable& v : variables)
        if (v.exists && v.owner == id)
            s += "    " + definition(v);
    if (!f.outlined)
        s += "    word_t x = a, y = b;\n";
    for (const std::string& line : f.body)
        s += "    " + expand(line, &f) + "\n";
    return s + (f.outlined ? "}\n" : "    return x ^ y;\n}\n");
}

std::string Program::render(int unit) const {
    const Uses uses = uses_of(unit);
    std::string s;
    for (const Variable& v : variables)
        if (v.exists && v.kind == Variable::Kind::record
            && (v.unit == unit || uses.variables.contains(int(&v - variables.data()))
                || v.owner >= 0))
            s += record_type(v) + ";\n";
    std::vector<const Function*> here;
    for (std::size_t i = 0; i < functions.size(); ++i) {
        const Function& f = functions[i];
        const bool used = uses.functions.contains(static_cast<int>(i));
        if (!f.exists || (f.in_header ? !used : f.unit != unit && !used))
            continue;
        if (f.in_header || f.unit == unit)
            here.push_back(&f);
        if (f.alias_of >= 0 && f.unit == unit)
            s += fmt::format("word_t {}(word_t, word_t);\n", f.name);
        else if (f.in_header || f.unit == unit)
            s += signature(f) + ";\n";
        else
            s += f.outlined ? "extern void " + f.name + "(word_t, word_t, word_t *, word_t *);\n"
                            : "extern word_t " + f.name + "(word_t, word_t);\n";
    }
    for (const bool pointers : {false, true}) // what is pointed to comes first
        for (std::size_t i = 0; i < variables.size(); ++i) {
            const Variable& v = variables[i];
            if (!v.exists || v.owner >= 0 || pointers != (v.kind == Variable::Kind::address))
                continue;
            if (v.unit == unit)
                s += definition(v);
            else if (uses.variables.contains(static_cast<int>(i)))
                s += "extern " + declaration(v, false) + ";\n";
        }
    std::stable_sort(here.begin(), here.end(),
                     [](const Function* a, const Function* b) { return a->order < b->order; });
    for (const Function* f : here)
        s += definition(*f);
    return s;
}

} // namespace xlp::generator
