// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-build/units/declarations.h"

#include "tools/xlp-build/units/macros.h"
#include "tools/xlp-build/units/outline.h"

#include <algorithm>

namespace xlp::build {

namespace {

// Gathers what a declaration uses.
class Uses {
public:
    Uses(const std::vector<Token>& tokens, Declaration& d) : tokens_(tokens), d_(d) {}

    void all() { range(0, tokens_.size(), {}, d_.uses); }

    void prototype(const Outline::Item& parameters) {
        with_parameters(0, tokens_.size(), parameters.first, parameters.last, {}, d_.uses);
    }

private:
    void range(std::size_t first, std::size_t last, const std::vector<Token>& without,
               std::vector<Token>& to) {
        for (std::size_t i = first; i < last; ++i) {
            const Token t = tokens_[i];
            if (t == "{" && begins_members(tokens_, i)) {
                const std::size_t end = end_of_group(tokens_, i);
                members(i + 1, end, to);
                i = end;
            } else if (is_word(t)
                       && !is_keyword(t)
                       // the very token: a member may be called as its type is
                       && std::none_of(without.begin(), without.end(),
                                       [&](Token w) { return w.data() == t.data(); })) {
                to.push_back(t);
            }
        }
    }

    // "int f(int a, struct s *b)", parameters from `open` to `close`: not those that are pointers.
    void with_parameters(std::size_t first, std::size_t last, std::size_t open, std::size_t close,
                         const std::vector<Token>& without, std::vector<Token>& to) {
        range(first, open, without, to);
        std::size_t depth = 0, begin = open;
        for (std::size_t i = open; i <= close; ++i) {
            if (i == close || (depth == 0 && tokens_[i] == ",")) {
                const auto from = tokens_.begin() + begin, until = tokens_.begin() + i;
                if (std::find(from, until, "*") == until)
                    range(begin, i, without, to);
                begin = i + 1;
            } else {
                depth += opens(tokens_[i]);
                depth -= closes(tokens_[i]);
            }
        }
        range(close, last, without, to);
    }

    void members(std::size_t first, std::size_t last, std::vector<Token>& to) {
        std::size_t depth = 0, begin = first;
        for (std::size_t i = first; i < last; ++i) {
            depth += opens(tokens_[i]);
            depth -= closes(tokens_[i]);
            if (depth == 0 && tokens_[i] == ";") {
                member(begin, i + 1, to);
                begin = i + 1;
            }
        }
    }

    void member(std::size_t first, std::size_t last, std::vector<Token>& to) {
        const std::vector<Token> own(tokens_.begin() + first, tokens_.begin() + last);
        const auto has = [&](Token t) { return std::find(own.begin(), own.end(), t) != own.end(); };
        if (has("{")) // a structure within: what it is called is not worth telling apart
            return range(first, last, {}, to);
        const Outline o = outline(own);
        const std::vector<Token> names = declared_names(own, o);
        if (names.empty() || !has("*"))
            return range(first, last, names, to);
        PointerMember p;
        auto function = std::adjacent_find(o.items.begin(), o.items.end(),
                                           [](const Outline::Item& x, const Outline::Item& y) {
                                               return x.token == "(" && y.token == "(";
                                           });
        if (function != o.items.end()) // "int (*run)(struct s *);"
            with_parameters(first, last, first + (function + 1)->first,
                            first + (function + 1)->last, names, p.uses);
        else
            range(first, last, names, p.uses);
        for (Token name : names) {
            p.name = name;
            d_.pointers.push_back(p);
        }
    }

    const std::vector<Token>& tokens_;
    Declaration& d_;
};

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
        if (!tokens.empty()) {
            // cut short: nothing to look into
            Declaration d;
            for (Token t : tokens)
                put(d, t);
            d.root = true;
            unit_.declarations.push_back(std::move(d));
        }
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
        if (const Outline::Item* group = parameters(o))
            Uses(tokens, d).prototype(*group);
        else
            Uses(tokens, d).all();
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
            for (Token t : value) {
                put(d, t);
                if (is_word(t) && !is_keyword(t))
                    d.uses.push_back(t);
            }
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
