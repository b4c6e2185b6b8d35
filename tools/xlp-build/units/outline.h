// SPDX-License-Identifier: GPL-2.0-only
// The tokens of one declaration of preprocessed C, and what their outline tells: where its groups
// are, which names it gives, whether it makes code or data by itself.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <string_view>
#include <vector>

namespace xlp::build {

using Token = std::string_view;

// The next token of `text` from `at`, which moves behind it; a directive's line is one token. Empty
// at the end.
Token next_token(std::string_view text, std::size_t& at);

bool starts_word(char c);
bool in_word(char c);
bool is_word(Token t);
bool is_literal(Token t);
bool opens(Token t);  // ( [ {
bool closes(Token t); // ) ] }
bool is_asm(Token t);
bool is_keyword(Token t); // never the name of what a declaration declares
bool is_one_of(Token t, std::initializer_list<Token> list);

// The index of the bracket that closes the one at `open`, or the number of tokens.
std::size_t end_of_group(const std::vector<Token>& tokens, std::size_t open);

// A declaration's tokens with every bracketed group folded away.
struct Outline {
    struct Item {
        Token token;                     // a token at the top, or the opening bracket of a group
        std::size_t first = 0, last = 0; // a group's tokens within its brackets
    };
    std::vector<Item> items; // without attributes and the operands of typeof and asm
    bool has_assembly = false, has_alias = false, has_gnu_inline = false;

    bool has(std::initializer_list<Token> any_of) const;
};

Outline outline(const std::vector<Token>& tokens);

// Whether the brace after these tokens opens a function's body, not a structure's or a value's.
bool begins_function(const std::vector<Token>& tokens);

// Whether the brace at `open` begins the members of a structure or union.
bool begins_members(const std::vector<Token>& tokens, std::size_t open);

// Whether a declaration makes code or data by itself; true for what is not understood.
bool is_root(const Outline& o, bool names_something, bool function_body);

// The names that a declaration gives, those of an enumeration's own members excepted.
std::vector<Token> declared_names(const std::vector<Token>& tokens, const Outline& o);

// The parameters of a prototype, or nothing when it is none.
const Outline::Item* parameters(const Outline& o);

} // namespace xlp::build
