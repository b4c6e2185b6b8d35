// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-build/units/outline.h"

#include <algorithm>
#include <unordered_set>

namespace xlp::build {

bool starts_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool in_word(char c) {
    return starts_word(c) || (c >= '0' && c <= '9');
}

bool is_word(Token t) {
    return !t.empty() && starts_word(t[0]);
}
bool is_literal(Token t) {
    return !t.empty() && (t[0] == '"' || t[0] == '\'');
}
bool opens(Token t) {
    return t == "(" || t == "[" || t == "{";
}
bool closes(Token t) {
    return t == ")" || t == "]" || t == "}";
}

bool is_one_of(Token t, std::initializer_list<Token> list) {
    return std::find(list.begin(), list.end(), t) != list.end();
}

static bool is_attribute(Token t) {
    return t == "__attribute__" || t == "__attribute";
}
static bool is_typeof(Token t) {
    return is_one_of(t, {"typeof", "__typeof__", "__typeof"});
}
bool is_asm(Token t) {
    return is_one_of(t, {"asm", "__asm__", "__asm"});
}
static bool is_aggregate(Token t) {
    return is_one_of(t, {"struct", "union", "enum"});
}

bool is_keyword(Token t) {
    static const std::unordered_set<Token> list = {
        "auto",          "char",          "const",
        "double",        "enum",          "extern",
        "float",         "inline",        "int",
        "long",          "register",      "restrict",
        "short",         "signed",        "static",
        "struct",        "typedef",       "union",
        "unsigned",      "void",          "volatile",
        "_Bool",         "__inline",      "__inline__",
        "__signed__",    "__const",       "__volatile__",
        "__restrict",    "__extension__", "_Noreturn",
        "_Thread_local", "_Alignas",      "__builtin_va_list"};
    return list.count(t) || is_attribute(t) || is_typeof(t) || is_asm(t);
}

Token next_token(std::string_view s, std::size_t& at) {
    while (at < s.size() && (s[at] == ' ' || s[at] == '\n' || s[at] == '\t' || s[at] == '\f'))
        ++at;
    if (at >= s.size())
        return {};
    const std::size_t begin = at;
    const char c = s[at++];
    if (in_word(c)) {
        // numbers too: 0x1f, 1.5e-3 comes out in pieces, which harms no comparison
        while (at < s.size() && in_word(s[at]))
            ++at;
    } else if (c == '"' || c == '\'') {
        while (at < s.size() && s[at] != c)
            at += s[at] == '\\' ? 2 : 1;
        at = std::min(at + 1, s.size());
    } else if (c == '#' && (begin == 0 || s[begin - 1] == '\n')) {
        at = std::min(s.find('\n', at), s.size());
    }
    return s.substr(begin, at - begin);
}

std::size_t end_of_group(const std::vector<Token>& tokens, std::size_t open) {
    std::size_t depth = 0;
    for (std::size_t i = open; i < tokens.size(); ++i) {
        if (opens(tokens[i]))
            ++depth;
        else if (closes(tokens[i]) && --depth == 0)
            return i;
    }
    return tokens.size();
}

Outline outline(const std::vector<Token>& tokens) {
    Outline o;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        const bool group = i + 1 < tokens.size() && tokens[i + 1] == "(";
        if (group && (is_attribute(tokens[i]) || is_typeof(tokens[i]) || is_asm(tokens[i]))) {
            const std::size_t end = end_of_group(tokens, i + 1);
            for (std::size_t k = i; k < end; ++k) {
                o.has_gnu_inline |= is_one_of(tokens[k], {"gnu_inline", "__gnu_inline__"});
                o.has_alias |= is_one_of(tokens[k], {"alias", "__alias__", "used", "__used__",
                                                     "constructor", "__constructor__"});
            }
            o.has_assembly |= is_asm(tokens[i]);
            i = end;
        } else if (opens(tokens[i])) {
            const std::size_t end = end_of_group(tokens, i);
            o.items.push_back({tokens[i], i + 1, end});
            i = end;
        } else {
            o.items.push_back({tokens[i]});
        }
    }
    return o;
}

// Names that reach file scope from inside the braces of a structure: tags, and members of
// enumerations.
static void inner_names(const std::vector<Token>& tokens, const Outline::Item& body,
                        std::vector<Token>& names) {
    for (std::size_t i = body.first; i < body.last; ++i) {
        if (!is_aggregate(tokens[i]))
            continue;
        std::size_t open = i + 1;
        if (open + 1 < body.last && tokens[open] != "{" && tokens[open + 1] == "{")
            names.push_back(tokens[open++]);
        if (tokens[i] != "enum" || open >= body.last || tokens[open] != "{")
            continue;
        for (const std::size_t end = end_of_group(tokens, open); i < end; ++i)
            if (is_word(tokens[i]) && !is_keyword(tokens[i]))
                names.push_back(tokens[i]);
    }
}

bool begins_function(const std::vector<Token>& tokens) {
    const Outline o = outline(tokens);
    return !o.items.empty() && o.items.back().token == "("
           && std::none_of(o.items.begin(), o.items.end(),
                           [](const Outline::Item& i) { return i.token == "="; });
}

bool Outline::has(std::initializer_list<Token> list) const {
    return std::any_of(items.begin(), items.end(),
                       [&](const Item& i) { return is_one_of(i.token, list); });
}

bool is_root(const Outline& o, bool names_something, bool function_body) {
    if (o.items.empty() || o.items[0].token == ";")
        return o.has_assembly; // asm ( ... ); or a lone semicolon
    if (!names_something || o.has_alias)
        return true;
    if (function_body)
        return !((o.has({"static"}) || o.has_gnu_inline)
                 && o.has({"inline", "__inline", "__inline__"}));
    if (o.has({"typedef"}))
        return false;
    if (o.has({"="}))
        return true;
    if (o.has({"extern"}))
        return false;
    // a type alone: "struct s { ... };"
    if (is_aggregate(o.items[0].token)) {
        const Token end = o.items[o.items.size() - 2].token;
        if (end == "{" || (o.items.size() == 3 && is_word(end)))
            return false;
    }
    // "int f(int);" declares; "int v;", "int (*p)(int);" and "int a[2];" define
    for (std::size_t i = 0; i + 1 < o.items.size(); ++i)
        if (is_word(o.items[i].token) && !is_keyword(o.items[i].token)
            && o.items[i + 1].token == "(")
            return false;
    return true;
}

std::vector<Token> declared_names(const std::vector<Token>& tokens, const Outline& o) {
    std::vector<Token> names;
    bool initialiser = false;
    for (std::size_t i = 0; i < o.items.size(); ++i) {
        const Token t = o.items[i].token;
        const Token next = i + 1 < o.items.size() ? o.items[i + 1].token : Token();
        const Token last = i > 0 ? o.items[i - 1].token : Token();
        if (t == "=")
            initialiser = true;
        if (t == "," || t == ";")
            initialiser = false;
        if (initialiser)
            continue;
        if (t == "{") {
            inner_names(tokens, o.items[i], names);
        } else if (is_word(t) && is_aggregate(last)) {
            if (next == "{" || next == ";")
                names.push_back(t);
        } else if (is_word(t) && !is_keyword(t)
                   && is_one_of(next, {"(", "[", "=", ";", ",", ":", "{"})) {
            names.push_back(t);
        } else if (t == "(" && next == "(") {
            for (std::size_t k = o.items[i].first; k < o.items[i].last; ++k) // (*name)(...)
                if (is_word(tokens[k]) && !is_keyword(tokens[k]))
                    names.push_back(tokens[k]);
        }
    }
    return names;
}

bool begins_members(const std::vector<Token>& tokens, std::size_t open) {
    std::size_t i = open;
    while (i > 0) {
        const Token t = tokens[--i];
        if (t == "struct" || t == "union")
            return true;
        if (t == ")") { // of an attribute
            for (std::size_t depth = 1; i > 0 && depth;) {
                --i;
                depth += closes(tokens[i]);
                depth -= opens(tokens[i]);
            }
        } else if (!is_word(t) || t == "enum") {
            return false;
        }
    }
    return false;
}

const Outline::Item* parameters(const Outline& o) {
    if (o.has({"typedef", "=", "{"}))
        return nullptr;
    for (std::size_t i = 0; i + 1 < o.items.size(); ++i)
        if (is_word(o.items[i].token) && !is_keyword(o.items[i].token)
            && o.items[i + 1].token == "(")
            return &o.items[i + 1];
    return nullptr;
}

} // namespace xlp::build
