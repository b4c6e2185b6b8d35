// SPDX-License-Identifier: GPL-2.0-only
// What make prints for one object, in three generations of Xen's build:
//
//   gcc -MMD -MF ./.mm.o.d ... -c mm.c -o mm.o                                    up to 4.12
//   gcc ... -c mm.c -o ./.mm.o.tmp -MQ mm.o
//   objcopy --redefine-sym mm.c=arch/x86/mm.c ./.mm.o.tmp mm.o                    4.13 on
//   set -e;  echo '  CC  arch/x86/mm.o'; gcc ... -c arch/x86/mm.c -o arch/x86/.mm.o.tmp
//       -MQ arch/x86/mm.o; tools/fixdep ... ; rm -f ...                           4.16 on
//
// The older ones change into each folder. Objects of code that runs only when Xen starts get their
// sections renamed, either one by one (unlz4.o to unlz4.init.o) or after `ld -r` (libelf).
#include "tools/xlp-build/xenbuild/recipes.h"

#include "tools/xlp-build/source/tree.h"

#include <algorithm>
#include <optional>
#include <set>

namespace xlp::build {

namespace fs = std::filesystem;

namespace {

bool is_compiled_source(const std::string& w) {
    return !w.starts_with('-') && (w.ends_with(".c") || w.ends_with(".S"));
}

bool takes_value(const std::string& option) {
    static const std::set<std::string> list = {"-o",       "-MF", "-MQ", "-MT", "-include", "-I",
                                               "-isystem", "-x",  "-D",  "-U",  "-iquote"};
    return list.count(option) != 0;
}

bool is_dependency_option(const std::string& w) {
    return w == "-MMD" || w == "-MD" || w == "-MP" || w.starts_with("-Wp,-MD")
           || w.starts_with("-Wp,-MMD");
}

struct Compilation {
    Recipe recipe;
    std::string output; // of the compiler, relative to xen/
};

// The state while reading make's output: where we are, and which object came from which.
class Reader {
public:
    explicit Reader(const fs::path& tree) : tree_(tree), directories_{tree / "xen"} {}

    void enter(std::string_view directory) { directories_.emplace_back(directory); }
    void leave() {
        if (directories_.size() > 1)
            directories_.pop_back();
    }

    void command(const std::vector<std::string>& words) {
        if (words.empty())
            return;
        if (auto c = compilation(words)) {
            by_output_[c->output] = c->recipe.object;
            recipes_[c->recipe.object] = std::move(c->recipe);
        } else if (has(words, "--redefine-sym") || has(words, "--rename-section")) {
            objcopy(words);
        } else if (has(words, "-r") && has(words, "-o")) {
            partial_link(words);
        }
    }

    Recipes take() { return std::move(recipes_); }

private:
    static bool has(const std::vector<std::string>& words, std::string_view w) {
        return std::find(words.begin(), words.end(), w) != words.end();
    }

    // A path as a command names it, relative to xen/.
    std::string in_xen(const std::string& path) const {
        fs::path p = fs::path(path).is_absolute() ? fs::path(path) : directories_.back() / path;
        return p.lexically_normal().lexically_relative(tree_ / "xen").string();
    }

    std::optional<Compilation> compilation(const std::vector<std::string>& words) const {
        if (!has(words, "-c") || !has(words, "-o"))
            return std::nullopt;
        Compilation c;
        Recipe& r = c.recipe;
        std::string target;
        for (std::size_t i = 0; i < words.size(); ++i) {
            const std::string& w = words[i];
            const bool value = takes_value(w) && i + 1 < words.size();
            if (value && w == "-o") {
                c.output = in_xen(words[++i]);
            } else if (value && (w == "-MQ" || w == "-MT")) {
                target = in_xen(words[++i]);
            } else if (value && w == "-MF") {
                ++i;
            } else if (value) {
                r.compiler.push_back(mark(w));
                r.compiler.push_back(mark(words[++i]));
            } else if (i > 0 && is_compiled_source(w)) {
                r.source = in_xen(w);
                r.argument = mark(w);
            } else if (w != "-c" && !is_dependency_option(w)) {
                r.compiler.push_back(mark(w));
            }
        }
        if (r.source.empty() || !c.output.ends_with(target.empty() ? ".o" : ""))
            return std::nullopt;
        r.object = target.empty() ? c.output : target;
        r.directory = directories_.back().lexically_relative(tree_).string();
        r.init_only = has(words, "-DINIT_SECTIONS_ONLY");
        return c;
    }

    // objcopy OPTIONS FROM TO
    void objcopy(const std::vector<std::string>& words) {
        if (words.size() < 4)
            return;
        const std::string from = in_xen(words[words.size() - 2]), to = in_xen(words.back());
        std::vector<std::string> options(words.begin(), words.end() - 2);
        const bool renames = has(options, "--rename-section");
        for (const std::string& object : sources_of(from)) {
            Recipe recipe = recipes_[object];
            recipe.steps.push_back(options);
            if (renames && by_output_.count(from)) { // one object: it changes its name
                recipes_.erase(object);
                recipe.object = to;
            }
            by_output_[to] = recipe.object;
            recipes_[recipe.object] = std::move(recipe);
        }
    }

    // Remembers what went into an object made by `ld -r`.
    void partial_link(const std::vector<std::string>& words) {
        auto o = std::find(words.begin(), words.end(), "-o");
        if (o == words.end() || o + 1 == words.end())
            return;
        auto& parts = linked_[in_xen(*(o + 1))];
        for (auto w = o + 2; w < words.end(); ++w)
            if (w->ends_with(".o"))
                parts.push_back(in_xen(*w));
    }

    // The compiled objects behind one that a command reads.
    std::vector<std::string> sources_of(const std::string& from) const {
        if (auto it = by_output_.find(from); it != by_output_.end())
            return {it->second};
        std::vector<std::string> list;
        if (auto it = linked_.find(from); it != linked_.end())
            for (const std::string& part : it->second)
                if (recipes_.count(part))
                    list.push_back(part);
        return list;
    }

    std::string mark(const std::string& word) const {
        return replace_all(word, tree_.string(), tree_mark);
    }

    fs::path tree_;
    std::vector<fs::path> directories_;
    Recipes recipes_;
    std::map<std::string, std::string> by_output_; // an intermediate or final object -> recipe
    std::map<std::string, std::vector<std::string>> linked_;
};

// "make[2]: Entering directory '/path'"
std::optional<std::string_view> quoted_after(std::string_view line, std::string_view phrase) {
    if (!line.starts_with("make"))
        return std::nullopt;
    std::size_t at = line.find(phrase);
    if (at == line.npos)
        return std::nullopt;
    line.remove_prefix(at + phrase.size());
    std::size_t open = line.find_first_of("'`"), close = line.rfind('\'');
    if (open == line.npos || close <= open)
        return std::nullopt;
    return line.substr(open + 1, close - open - 1);
}

// Calls `each` with every line of `text`, those joined that end in a backslash.
template <class F>
void logical_lines(std::string_view text, F each) {
    std::string joined;
    for (std::size_t at = 0; at < text.size();) {
        std::size_t end = std::min(text.find('\n', at), text.size());
        std::string_view line = text.substr(at, end - at);
        at = end + 1;
        if (line.ends_with('\\')) {
            joined += line.substr(0, line.size() - 1);
            joined += ' ';
            continue;
        }
        joined += line;
        each(std::string_view(joined));
        joined.clear();
    }
}

} // namespace

bool Recipe::boot_code() const {
    return std::find(compiler.begin(), compiler.end(), "-m32") != compiler.end();
}

bool Recipe::renames_sections() const {
    return std::any_of(steps.begin(), steps.end(), [](const std::vector<std::string>& step) {
        return std::find(step.begin(), step.end(), "--rename-section") != step.end();
    });
}

std::vector<ShellCommand> split_shell(std::string_view line) {
    std::vector<ShellCommand> commands(1);
    std::string word;
    bool in_word = false;
    char quote = 0;
    auto end_word = [&] {
        if (in_word)
            commands.back().words.push_back(std::move(word));
        word.clear();
        in_word = false;
    };
    for (std::size_t i = 0; i < line.size(); ++i) {
        const char c = line[i];
        if (quote) {
            if (c == quote)
                quote = 0;
            else if (c == '\\' && quote == '"' && i + 1 < line.size()
                     && std::string_view("\"\\$`").find(line[i + 1]) != std::string_view::npos)
                word += line[++i];
            else
                word += c;
        } else if (c == '\'' || c == '"') {
            quote = c;
            in_word = true;
        } else if (c == '\\' && i + 1 < line.size()) {
            word += line[++i];
            in_word = true;
        } else if (c == ' ' || c == '\t') {
            end_word();
        } else if (c == ';' || c == '&' || c == '|') {
            end_word();
            commands.back().end = c;
            if (i + 1 < line.size() && line[i + 1] == c) {
                commands.back().end += c;
                ++i;
            }
            commands.emplace_back();
        } else {
            word += c;
            in_word = true;
        }
    }
    if (quote)
        return {};
    end_word();
    if (commands.back().words.empty())
        commands.pop_back();
    return commands;
}

Recipes parse_dry_run(std::string_view dry_run, const fs::path& tree) {
    Reader reader(tree);
    logical_lines(dry_run, [&](std::string_view line) {
        if (auto d = quoted_after(line, "Entering directory"))
            return reader.enter(*d);
        if (quoted_after(line, "Leaving directory"))
            return reader.leave();
        // most lines are make's own; the two programs that we look for take these options
        if (line.find(" -c ") == line.npos && line.find(" --re") == line.npos
            && line.find(" -r ") == line.npos)
            return;
        for (const ShellCommand& c : split_shell(line))
            reader.command(c.words);
    });
    return reader.take();
}

std::vector<std::vector<std::string>> links_of(std::string_view dry_run) {
    std::vector<std::vector<std::string>> links;
    logical_lines(dry_run, [&](std::string_view line) {
        if (!line.starts_with("ln "))
            return;
        auto commands = split_shell(line);
        if (commands.size() == 1 && commands[0].words.size() == 4)
            links.push_back(commands[0].words);
    });
    return links;
}

} // namespace xlp::build
