// SPDX-License-Identifier: GPL-2.0-only
#include "tools/common/completion.h"

#include <algorithm>
#include <fmt/format.h>

namespace xlp::cli {
namespace {

struct Option {
    std::string word;        // "--timeout"
    std::string description; // one line
    bool value = false;      // takes one
};

std::vector<Option> options_of(const Verb& verb, const po::options_description& common) {
    std::vector<Option> list;
    for (const auto* group : {&verb.options, &common})
        for (const auto& o : group->options()) {
            const std::string name = o->long_name();
            const bool positional = group == &verb.options
                                    && std::any_of(verb.positional.begin(), verb.positional.end(),
                                                   [&](const std::string& p) {
                                                       return p == name || p == name + "...";
                                                   });
            if (!positional)
                list.push_back({"--" + name, o->description(), o->semantic()->min_tokens() > 0});
        }
    return list;
}

// A name that may stand in a shell function's: "xlp-build" is "_xlp_build".
std::string function_of(const Tool& tool) {
    std::string s = "_" + tool.name;
    std::replace(s.begin(), s.end(), '-', '_');
    return s;
}

std::string bash(const Tool& tool, const po::options_description& common) {
    std::string verbs, cases;
    for (const Verb& v : tool.verbs) {
        verbs += (verbs.empty() ? "" : " ") + v.name;
        std::string options, values;
        for (const Option& o : options_of(v, common)) {
            options += (options.empty() ? "" : " ") + o.word;
            if (o.value)
                values += (values.empty() ? "" : "|") + o.word;
        }
        cases += fmt::format("    {}) options='{}' values='{}' ;;\n", v.name, options, values);
    }
    return fmt::format(R"(# SPDX-License-Identifier: GPL-2.0-only
# bash completion for {0}
{1}() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} options='' values=''
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W '{2} --help --version' -- "$word")
        return
    fi
    case ${{COMP_WORDS[1]}} in
{3}    esac
    if [[ $before != "$word" && -n $values && $before =~ ^($values)$ || $word != -* ]]; then
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
    else
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
    fi
}}
complete -F {1} {0}
)",
                       tool.name, function_of(tool), verbs, cases);
}

// For a specification in single quotes: the quote itself, and what _arguments takes for its own.
std::string zsh_text(const std::string& text) {
    std::string s;
    for (char c : text)
        if (c == '\'')
            s += "'\\''";
        else if (c == '[' || c == ']' || c == ':' || c == '\\')
            s += std::string{'\\', c};
        else
            s += c == '\n' ? ' ' : c;
    return s;
}

std::string zsh(const Tool& tool, const po::options_description& common) {
    std::string verbs, cases;
    for (const Verb& v : tool.verbs) {
        verbs += fmt::format("        '{}:{}'\n", v.name, zsh_text(v.summary));
        cases += fmt::format("    {})\n        _arguments \\\n", v.name);
        for (const Option& o : options_of(v, common))
            cases += fmt::format("            '{}[{}]{}' \\\n", o.word, zsh_text(o.description),
                                 o.value ? ":value:_files" : "");
        cases += "            '*:file:_files'\n        ;;\n";
    }
    return fmt::format(R"(#compdef {0}
# SPDX-License-Identifier: GPL-2.0-only
{1}() {{
    local -a verbs
    verbs=(
{2}    )
    if (( CURRENT == 2 )); then
        _describe verb verbs
        return
    fi
    local verb=$words[2]
    shift words
    (( CURRENT-- ))
    case $verb in
{3}    esac
}}
{1} "$@"
)",
                       tool.name, function_of(tool), verbs, cases);
}

} // namespace

std::optional<std::string> completion(const Tool& tool, const po::options_description& common,
                                      const std::string& shell) {
    if (shell == "bash")
        return bash(tool, common);
    if (shell == "zsh")
        return zsh(tool, common);
    return std::nullopt;
}

} // namespace xlp::cli
