// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-build/units_declarations.h"

#include "tools/xlp-build/units_macros.h"

#include <algorithm>
#include <unordered_set>

namespace xlp::build {

namespace {

bool starts_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool in_word(char c) {
    return starts_word(c) || (c >= '0' && c <= '9');
}

using Token = std::string_view;

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

bool is_attribute(Token t) {
    return t == "__attribute__" || t == "__attribute";
}
bool is_typeof(Token t) {
    return is_one_of(t, {"typeof", "__typeof__", "__typeof"});
}
bool is_asm(Token t) {
    return is_one_of(t, {"asm", "__asm__", "__asm"});
}
bool is_aggregate(Token t) {
    return is_one_of(t, {"struct", "union", "enum"});
}

// Words that are never the name of what a declaration declares.
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

// The next token from `at`, which moves behind it; a directive's line is one token. Empty at the
// end.
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

// A declaration's tokens with every bracketed group folded away.
struct Outline {
    struct Item {
        Token token;                     // a token at the top, or the opening bracket of a group
        std::size_t first = 0, last = 0; // a group's tokens within its brackets
    };
    std::vector<Item> items; // without attributes and the operands of typeof and asm
    bool has_assembly = false, has_alias = false;
};

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
            for (std::size_t k = i; k < end; ++k)
                o.has_alias |= is_one_of(tokens[k], {"alias", "__alias__", "used", "__used__",
                                                     "constructor", "__constructor__"});
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

// Names given inside the braces of a structure or enumeration.
void inner_names(const std::vector<Token>& tokens, const Outline::Item& body,
                 std::vector<Token>& names) {
    bool enumeration = false;
    for (std::size_t i = body.first; i < body.last; ++i) {
        enumeration |= tokens[i] == "enum";
        // member names do no harm here: after an enum, all are taken
        if (is_word(tokens[i]) && enumeration && !is_keyword(tokens[i]))
            names.push_back(tokens[i]);
        else if (i > body.first && is_aggregate(tokens[i - 1]) && is_word(tokens[i]))
            names.push_back(tokens[i]);
    }
}

// Whether the brace after these tokens opens a function's body, not a structure's or a value's.
bool begins_function(const std::vector<Token>& tokens) {
    const Outline o = outline(tokens);
    return !o.items.empty() && o.items.back().token == "("
           && std::none_of(o.items.begin(), o.items.end(),
                           [](const Outline::Item& i) { return i.token == "="; });
}

bool has_any(const Outline& o, std::initializer_list<Token> list) {
    return std::any_of(o.items.begin(), o.items.end(),
                       [&](const Outline::Item& i) { return is_one_of(i.token, list); });
}

// What makes code or data by itself. Takes for a root what it does not understand.
bool is_root(const Outline& o, bool names_something, bool function_body) {
    if (o.items.empty() || o.items[0].token == ";")
        return o.has_assembly; // asm ( ... ); or a lone semicolon
    if (!names_something || o.has_alias)
        return true;
    if (function_body)
        return !(has_any(o, {"static"}) && has_any(o, {"inline", "__inline", "__inline__"}));
    if (has_any(o, {"typedef"}))
        return false;
    if (has_any(o, {"="}))
        return true;
    if (has_any(o, {"extern"}))
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

// The names that a declaration gives, those of an enumeration's members excepted.
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
                   && is_one_of(next, {"(", "[", "=", ";", ",", "{"})) {
            names.push_back(t);
        } else if (t == "(" && next == "(") {
            for (std::size_t k = o.items[i].first; k < o.items[i].last; ++k) // (*name)(...)
                if (is_word(tokens[k]) && !is_keyword(tokens[k]))
                    names.push_back(tokens[k]);
        }
    }
    return names;
}

class Reader {
public:
    explicit Reader(std::string_view text) : text_(text) {}

    ParsedUnit read() {
        std::vector<Token> tokens;
        std::size_t depth = 0, at = 0;
        bool function_body = false;
        for (Token t; !(t = next_token(text_, at)).empty();) {
            if (t[0] == '#' && t.size() > 1 && depth == 0 && tokens.empty()) {
                add({t}, false);
                continue;
            }
            if (t == "{" && depth == 0)
                function_body = begins_function(tokens);
            if (opens(t))
                ++depth;
            else if (closes(t) && depth > 0)
                --depth;
            tokens.push_back(t);
            if (depth == 0 && (t == ";" || (t == "}" && function_body))) {
                add(tokens, function_body);
                tokens.clear();
                function_body = false;
            }
        }
        if (!tokens.empty())
            add(tokens, false);
        return std::move(unit_);
    }

private:
    void add(const std::vector<Token>& tokens, bool function_body) {
        const Outline o = outline(tokens);
        if (o.items.size() == 1 && o.has_assembly && assembly_constant(tokens))
            return;
        const std::size_t body = enumeration(o);
        Declaration d;
        for (std::size_t i = 0; i < tokens.size(); ++i) {
            if (body && i >= o.items[body].first && i < o.items[body].last)
                continue; // the members follow on their own
            put(d, tokens[i]);
        }
        if (body) {
            // a negative member makes the type a signed one
            if (std::any_of(tokens.begin() + o.items[body].first,
                            tokens.begin() + o.items[body].last,
                            [](Token t) { return t == "-" || t == "~"; }))
                put(d, "-");
            add_members(tokens, o.items[body]);
        }
        add_names_in_assembly(tokens, d);
        d.declares = declared_names(tokens, o);
        // an enumeration without a name has no name to give, and makes nothing
        d.root = is_root(o, !d.declares.empty() || body, function_body);
        unit_.declarations.push_back(std::move(d));
    }

    static void put(Declaration& d, Token t) {
        if (!d.text.empty())
            d.text += ' ';
        d.text += t;
        if (is_word(t) && !is_keyword(t))
            d.uses.push_back(t);
    }

    // The item that is the body of a plain "[typedef] enum [name] { ... } [name];", or 0.
    static std::size_t enumeration(const Outline& o) {
        for (std::size_t i = 1; i < o.items.size(); ++i)
            if (o.items[i].token == "{")
                return o.items[i - 1].token == "enum" || (i > 1 && o.items[i - 2].token == "enum")
                           ? i
                           : 0;
        return 0;
    }

    // Each member with what gives it its value: "A = 3" and then B is "= 3 + 1" to us.
    void add_members(const std::vector<Token>& tokens, const Outline::Item& body) {
        std::vector<Token> value;
        std::size_t plus = 0;
        for (std::size_t i = body.first; i < body.last; ++i) {
            const Token name = tokens[i];
            std::vector<Token> own;
            std::size_t depth = 0;
            for (++i; i < body.last && (depth || tokens[i] != ","); ++i) {
                depth += opens(tokens[i]);
                depth -= closes(tokens[i]);
                own.push_back(tokens[i]);
            }
            if (!own.empty()) {
                value = std::move(own);
                plus = 0;
            }
            Declaration d;
            d.declares.push_back(name);
            put(d, name);
            for (Token t : value)
                put(d, t);
            d.text += " + " + std::to_string(plus++);
            unit_.declarations.push_back(std::move(d));
        }
    }

    // asm ( ".equ " "NAME" ", " "value" );
    bool assembly_constant(const std::vector<Token>& tokens) {
        std::string joined;
        for (std::size_t i = 0; i < tokens.size(); ++i) {
            if (is_literal(tokens[i]))
                joined += tokens[i].substr(1, tokens[i].size() - 2);
            else if (i > 1 && !is_one_of(tokens[i], {"(", ")", ";"}))
                return false;
        }
        const std::string_view text = unit_.made.emplace_back(std::move(joined));
        const std::string_view name = constant_name(text);
        if (name.empty())
            return false;
        Declaration d;
        d.declares.push_back(name);
        d.text = text;
        add_words(text, d);
        unit_.declarations.push_back(std::move(d));
        return true;
    }

    // asm ( "call " "foo" ), alias ( "foo" ): neighbours are one literal
    void add_names_in_assembly(const std::vector<Token>& tokens, Declaration& d) {
        if (std::none_of(tokens.begin(), tokens.end(),
                         [](Token t) { return is_asm(t) || t == "alias" || t == "__alias__"; }))
            return;
        for (std::size_t i = 0; i < tokens.size(); ++i) {
            if (!is_literal(tokens[i]))
                continue;
            std::string joined;
            for (; i < tokens.size() && is_literal(tokens[i]); ++i)
                joined += tokens[i].substr(1, tokens[i].size() - 2);
            add_words(unit_.made.emplace_back(std::move(joined)), d);
        }
    }

    // The words of a literal's inside; "\n" and "\t" are none.
    static void add_words(std::string_view s, Declaration& d) {
        for (std::size_t i = 0; i < s.size(); ++i) {
            if (s[i] == '\\')
                ++i;
            else if (in_word(s[i])) {
                const std::size_t begin = i;
                while (i < s.size() && in_word(s[i]))
                    ++i;
                if (starts_word(s[begin]))
                    d.uses.push_back(s.substr(begin, i - begin));
                --i;
            }
        }
    }

    std::string_view text_;
    ParsedUnit unit_;
};

} // namespace

ParsedUnit split_declarations(std::string_view text) {
    return Reader(text).read();
}

} // namespace xlp::build
