// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-build/units_declarations.h"

#include <algorithm>
#include <map>
#include <unordered_map>
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
void inner_names(const std::vector<Token>& tokens, const Outline::Item& body, bool enumeration,
                 std::vector<Token>& names) {
    for (std::size_t i = body.first; i < body.last; ++i) {
        enumeration |= tokens[i] == "enum";
        // member names do no harm here: after an enum, all are taken
        if (is_word(tokens[i]) && enumeration && !is_keyword(tokens[i]))
            names.push_back(tokens[i]);
        else if (i > body.first && is_aggregate(tokens[i - 1]) && is_word(tokens[i]))
            names.push_back(tokens[i]);
    }
}

class Reader {
public:
    explicit Reader(std::string_view text) : text_(text) {}

    std::vector<Declaration> read() {
        std::vector<Declaration> list;
        std::vector<Token> tokens;
        std::size_t depth = 0, at = 0;
        bool function_body = false;
        for (Token t; !(t = next_token(text_, at)).empty();) {
            if (t[0] == '#' && t.size() > 1 && depth == 0 && tokens.empty()) {
                list.push_back(finish({t}, false));
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
                list.push_back(finish(tokens, function_body));
                tokens.clear();
                function_body = false;
            }
        }
        if (!tokens.empty())
            list.push_back(finish(tokens, false));
        return list;
    }

private:
    // Whether the brace after these tokens opens a function's body, not a structure's or a value's.
    static bool begins_function(const std::vector<Token>& tokens) {
        const Outline o = outline(tokens);
        return !o.items.empty() && o.items.back().token == "("
               && std::none_of(o.items.begin(), o.items.end(),
                               [](const Outline::Item& i) { return i.token == "="; });
    }

    static Declaration finish(const std::vector<Token>& tokens, bool function_body) {
        Declaration d;
        for (Token t : tokens) {
            if (!d.text.empty())
                d.text += ' ';
            d.text += t;
            if (is_word(t) && !is_keyword(t))
                d.uses.push_back(t);
        }
        const Outline o = outline(tokens);
        add_names_in_assembly(tokens, d);
        declared(tokens, o, d);
        d.root = is_root(o, d, function_body);
        return d;
    }

    // asm ( "call foo" ), alias ( "foo" )
    static void add_names_in_assembly(const std::vector<Token>& tokens, Declaration& d) {
        if (std::none_of(tokens.begin(), tokens.end(),
                         [](Token t) { return is_asm(t) || t == "alias" || t == "__alias__"; }))
            return;
        for (Token t : tokens) {
            if (!is_literal(t))
                continue;
            for (std::size_t i = 1; i < t.size(); ++i) {
                if (!starts_word(t[i]) || in_word(t[i - 1]))
                    continue;
                std::size_t end = i;
                while (end < t.size() && in_word(t[end]))
                    ++end;
                d.uses.push_back(t.substr(i, end - i));
            }
        }
    }

    static void declared(const std::vector<Token>& tokens, const Outline& o, Declaration& d) {
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
                // "enum name {" or "enum {"
                const bool enumeration =
                    last == "enum" || (i > 1 && o.items[i - 2].token == "enum");
                inner_names(tokens, o.items[i], enumeration, d.declares);
            } else if (is_word(t) && is_aggregate(last)) {
                if (next == "{" || next == ";")
                    d.declares.push_back(t);
            } else if (is_word(t) && !is_keyword(t)
                       && is_one_of(next, {"(", "[", "=", ";", ",", "{"})) {
                d.declares.push_back(t);
            } else if (t == "(" && next == "(") {
                for (std::size_t k = o.items[i].first; k < o.items[i].last; ++k) // (*name)(...)
                    if (is_word(tokens[k]) && !is_keyword(tokens[k]))
                        d.declares.push_back(tokens[k]);
            }
        }
    }

    static bool is_root(const Outline& o, const Declaration& d, bool function_body) {
        auto has = [&](std::initializer_list<Token> list) {
            return std::any_of(o.items.begin(), o.items.end(),
                               [&](const Outline::Item& i) { return is_one_of(i.token, list); });
        };
        if (o.items.empty() || o.items[0].token == ";")
            return o.has_assembly; // asm ( ... ); or a lone semicolon
        if (d.declares.empty() || o.has_alias)
            return true;
        if (function_body)
            return !(has({"static"}) && has({"inline", "__inline", "__inline__"}));
        if (has({"typedef"}))
            return false;
        if (has({"="}))
            return true;
        if (has({"extern"}))
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

    std::string_view text_;
};

// Which declarations the roots reach.
std::vector<bool> reached(const std::vector<Declaration>& list) {
    std::unordered_map<Token, std::vector<std::size_t>> givers;
    for (std::size_t i = 0; i < list.size(); ++i)
        for (Token name : list[i].declares)
            givers[name].push_back(i);
    std::vector<bool> seen(list.size());
    std::unordered_set<Token> followed;
    std::vector<std::size_t> open;
    auto see = [&](std::size_t i) {
        if (!seen[i]) {
            seen[i] = true;
            open.push_back(i);
        }
    };
    for (std::size_t i = 0; i < list.size(); ++i)
        if (list[i].root)
            see(i);
    while (!open.empty()) {
        const std::size_t i = open.back();
        open.pop_back();
        for (Token name : list[i].uses)
            if (followed.insert(name).second)
                if (auto it = givers.find(name); it != givers.end())
                    for (std::size_t k : it->second)
                        see(k);
    }
    return seen;
}

std::string name_of(const Declaration& d) {
    if (!d.declares.empty())
        return std::string(d.declares.front());
    return d.text.substr(0, 40);
}

} // namespace

std::vector<Declaration> split_declarations(std::string_view text) {
    return Reader(text).read();
}

Effect compare_declarations(std::string_view original, std::string_view patched) {
    if (original == patched)
        return {};
    const auto a = split_declarations(original), b = split_declarations(patched);
    std::unordered_map<std::string_view, long> balance; // occurrences in b minus those in a
    for (const Declaration& d : a)
        --balance[d.text];
    for (const Declaration& d : b)
        ++balance[d.text];
    Effect effect;
    auto add = [&](const std::vector<Declaration>& list, bool more_here) {
        const std::vector<bool> seen = reached(list);
        for (std::size_t i = 0; i < list.size(); ++i) {
            const long n = balance[list[i].text];
            if (!seen[i] || (more_here ? n <= 0 : n >= 0))
                continue;
            effect.affects = true;
            std::string name = name_of(list[i]);
            if (effect.names.size() < 4
                && std::find(effect.names.begin(), effect.names.end(), name) == effect.names.end())
                effect.names.push_back(std::move(name));
        }
    };
    add(b, true);
    add(a, false);
    if (effect.affects)
        return effect;
    // what both have must come in the same order
    auto common = [&](const std::vector<Declaration>& list) {
        std::vector<std::string_view> texts;
        for (const Declaration& d : list)
            if (balance[d.text] == 0)
                texts.push_back(d.text);
        return texts;
    };
    if (common(a) != common(b))
        effect = {true, {"the order of declarations"}};
    return effect;
}

MacroChanges compare_macros(std::string_view original, std::string_view patched) {
    struct Parts {
        std::map<std::string, std::string> macros;
        std::string rest;
    };
    auto parse = [](std::string_view text) {
        Parts parts;
        std::string* into = &parts.rest;
        for (std::size_t at = 0; at < text.size();) {
            std::size_t end = std::min(text.find('\n', at), text.size());
            std::string_view line = text.substr(at, end - at);
            at = end + 1;
            std::size_t word = line.find_first_not_of(" \t");
            std::string_view rest = word == line.npos ? "" : line.substr(word);
            if (rest.starts_with(".macro ")) {
                rest.remove_prefix(7);
                std::size_t last = 0;
                while (last < rest.size() && in_word(rest[last]))
                    ++last;
                into = &parts.macros[std::string(rest.substr(0, last))];
            }
            *into += line;
            *into += '\n';
            if (rest.starts_with(".endm"))
                into = &parts.rest;
        }
        return parts;
    };
    const Parts a = parse(original), b = parse(patched);
    MacroChanges changes;
    changes.complete = a.rest == b.rest;
    for (const auto* side : {&a.macros, &b.macros})
        for (const auto& [name, text] : *side) {
            auto x = a.macros.find(name), y = b.macros.find(name);
            if (x == a.macros.end() || y == b.macros.end() || x->second != y->second)
                changes.names.insert(name);
        }
    for (std::size_t before = changes.names.empty() ? 0 : changes.names.size() + 1;
         before != changes.names.size();) {
        before = changes.names.size();
        for (const auto* side : {&a.macros, &b.macros})
            for (const auto& [name, text] : *side)
                if (mentions(text, changes.names))
                    changes.names.insert(name);
    }
    return changes;
}

bool mentions(std::string_view text, const std::set<std::string>& names) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (!starts_word(text[i]) || (i > 0 && in_word(text[i - 1])))
            continue;
        // "\tNAME" within a string literal
        std::size_t begin = i;
        if (i > 0 && text[i - 1] == '\\' && i + 1 < text.size() && starts_word(text[i + 1]))
            ++begin;
        std::size_t end = begin;
        while (end < text.size() && in_word(text[end]))
            ++end;
        if (names.count(std::string(text.substr(begin, end - begin)))
            || (begin != i && names.count(std::string(text.substr(i, end - i)))))
            return true;
        i = end;
    }
    return false;
}

} // namespace xlp::build
