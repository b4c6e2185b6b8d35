// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-build/units/macros.h"

#include "tools/xlp-build/units/outline.h"

#include <algorithm>

namespace xlp::build {

namespace {

std::string_view without_blanks(std::string_view s) {
    const std::size_t at = s.find_first_not_of(" \t");
    return at == s.npos ? std::string_view() : s.substr(at);
}

std::string_view first_word(std::string_view s) {
    s = without_blanks(s);
    std::size_t end = 0;
    while (end < s.size() && in_word(s[end]))
        ++end;
    return s.substr(0, end);
}

struct Parts {
    std::map<std::string, std::string> defined; // macros and constants, with their text
    std::string rest;
};

Parts parse(std::string_view text) {
    Parts parts;
    std::string* into = &parts.rest;
    unsigned depth = 0; // macros may define macros
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        const std::string_view line = text.substr(at, end - at), code = without_blanks(line);
        at = end + 1;
        if (code.starts_with(".macro ") && depth++ == 0)
            into = &parts.defined[std::string(first_word(code.substr(7)))];
        std::string_view name = depth == 0 ? constant_name(code) : "";
        std::string& target = name.empty() ? *into : parts.defined[std::string(name)];
        target += line;
        target += '\n';
        if (code.starts_with(".endm") && depth > 0 && --depth == 0)
            into = &parts.rest;
    }
    return parts;
}

} // namespace

AssemblyChanges compare_assembly(std::string_view original, std::string_view patched) {
    const Parts a = parse(original), b = parse(patched);
    AssemblyChanges changes;
    changes.rest = a.rest != b.rest;
    for (const auto* side : {&a.defined, &b.defined})
        for (const auto& [name, text] : *side) {
            auto x = a.defined.find(name), y = b.defined.find(name);
            if (x == a.defined.end() || y == b.defined.end() || x->second != y->second)
                changes.names.insert(name);
        }
    for (std::size_t before = 0; before != changes.names.size();) {
        before = changes.names.size();
        for (const auto* side : {&a.defined, &b.defined})
            for (const auto& [name, text] : *side)
                if (mentions(text, changes.names))
                    changes.names.insert(name);
    }
    return changes;
}

bool mentions(std::string_view text, const std::set<std::string>& names) {
    for (std::size_t i = 0; !names.empty() && i < text.size(); ++i) {
        if (!starts_word(text[i]))
            continue;
        std::size_t end = i;
        while (end < text.size() && in_word(text[end]))
            ++end;
        const std::string_view word = text.substr(i, end - i);
        // in a literal, "\tNAME" is a tab and a name
        if (names.count(std::string(word))
            || (i > 0 && text[i - 1] == '\\' && names.count(std::string(word.substr(1)))))
            return true;
        i = end;
    }
    return false;
}

std::string assembly_rest(std::string_view text) {
    return parse(text).rest;
}

std::string_view constant_name(std::string_view line) {
    line = without_blanks(line);
    if (!line.starts_with(".equ ") && !line.starts_with(".set "))
        return {};
    if (line.find(';') != line.npos || line.find("\\n") != line.npos)
        return {};
    line = without_blanks(line.substr(5));
    const std::string_view name = first_word(line);
    return without_blanks(line.substr(name.size())).starts_with(',') ? name : std::string_view();
}

} // namespace xlp::build
