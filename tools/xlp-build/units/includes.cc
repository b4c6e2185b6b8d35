// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-build/units/includes.h"

#include "payload/base/file.h"
#include "tools/xlp-build/source/tree.h"

#include <optional>

namespace xlp::build {

namespace fs = std::filesystem;

namespace {

std::string_view trimmed(std::string_view s) {
    std::size_t at = s.find_first_not_of(" \t");
    return at == s.npos ? std::string_view() : s.substr(at);
}

std::optional<Include> directive(std::string_view line) {
    line = trimmed(line);
    if (!line.starts_with('#'))
        return std::nullopt;
    line = trimmed(line.substr(1));
    if (!line.starts_with("include"))
        return std::nullopt;
    line = trimmed(line.substr(line.starts_with("include_next") ? 12 : 7));
    if (line.empty())
        return std::nullopt;
    const char close = line[0] == '<' ? '>' : line[0] == '"' ? '"' : '\0';
    if (!close) {
        if (line.starts_with("__FILE__"))
            return std::nullopt;
        return Include{Include::Kind::computed, {}};
    }
    line.remove_prefix(1);
    return Include{close == '>' ? Include::Kind::angled : Include::Kind::quoted,
                   std::string(line.substr(0, line.find(close)))};
}

// .include "name", also as it stands in a C string: .include \"name\"
std::optional<Include> assembler_directive(std::string_view line) {
    std::size_t at = line.find(".include");
    if (at == line.npos)
        return std::nullopt;
    std::size_t open = line.find('"', at + 8);
    if (open == line.npos)
        return std::nullopt;
    line.remove_prefix(open + 1);
    return Include{Include::Kind::assembler,
                   std::string(line.substr(0, line.find_first_of("\"\\")))};
}

} // namespace

struct IncludeGraph::Search {
    std::string directory;           // where the compiler runs
    std::vector<std::string> quoted; // -iquote
    std::vector<std::string> paths;  // -I
    std::vector<std::string> first;  // -include
};

std::vector<Include> scan_includes(std::string_view text) {
    std::vector<Include> list;
    for (std::size_t at = 0; at < text.size();) {
        std::size_t end = std::min(text.find('\n', at), text.size());
        std::string_view line = text.substr(at, end - at);
        at = end + 1;
        if (line.find("include") == line.npos)
            continue;
        if (auto i = directive(line))
            list.push_back(std::move(*i));
        else if (auto a = assembler_directive(line))
            list.push_back(std::move(*a));
    }
    return list;
}

IncludeGraph::IncludeGraph(fs::path tree) : tree_(std::move(tree)) {}

const std::vector<Include>& IncludeGraph::includes_of(const std::string& file) {
    auto [it, fresh] = scanned_.try_emplace(file);
    if (fresh)
        if (auto text = read_text(tree_ / file))
            it->second = scan_includes(*text);
    return it->second;
}

// Links resolved, as a change is known by the file's own path.
std::string IncludeGraph::existing(const fs::path& relative) {
    const std::string key = relative.lexically_normal().string();
    auto [it, fresh] = existing_.try_emplace(key);
    if (fresh) {
        std::error_code ec;
        fs::path real = fs::canonical(tree_ / key, ec);
        if (!ec && fs::is_regular_file(real, ec))
            it->second = real.lexically_relative(tree_).string();
    }
    return it->second;
}

std::string IncludeGraph::find(const Include& include, const std::string& includer,
                               const Search& search) {
    std::string found;
    if (include.kind == Include::Kind::quoted) {
        found = existing(fs::path(includer).parent_path() / include.name);
        for (auto p = search.quoted.begin(); found.empty() && p != search.quoted.end(); ++p)
            found = existing(fs::path(*p) / include.name);
    }
    if (found.empty() && include.kind == Include::Kind::assembler)
        found = existing(fs::path(search.directory) / include.name);
    for (auto p = search.paths.begin(); found.empty() && p != search.paths.end(); ++p)
        found = existing(fs::path(*p) / include.name);
    return found;
}

Closure IncludeGraph::closure(const Recipe& recipe) {
    Search search{recipe.directory, {}, {}, {}};
    const auto& words = recipe.compiler;
    auto in_tree = [&](const std::string& path) {
        if (path.starts_with(tree_mark))
            return path.substr(std::min(path.size(), tree_mark.size() + 1));
        return (fs::path(recipe.directory) / path).string();
    };
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (words[i] == "-include" && i + 1 < words.size())
            search.first.push_back(in_tree(words[++i]));
        else if (words[i] == "-iquote" && i + 1 < words.size())
            search.quoted.push_back(in_tree(words[++i]));
        else if (words[i] == "-I" && i + 1 < words.size())
            search.paths.push_back(in_tree(words[++i]));
        else if (words[i].starts_with("-I"))
            search.paths.push_back(in_tree(words[i].substr(2)));
    }

    Closure closure;
    struct Step {
        std::string file;
        bool by_assembler;
    };
    std::vector<Step> open;
    auto see = [&](std::string file, bool by_assembler) {
        if (file.empty())
            return;
        const bool known = closure.files.count(file) != 0;
        if (known && (by_assembler || !closure.by_assembler.count(file)))
            return;
        closure.files.insert(file);
        if (by_assembler)
            closure.by_assembler.insert(file);
        else
            closure.by_assembler.erase(file);
        open.push_back({std::move(file), by_assembler});
    };
    see(existing(fs::path("xen") / recipe.source), false);
    for (const std::string& f : search.first)
        see(existing(f), false);
    while (!open.empty()) {
        const Step step = std::move(open.back());
        open.pop_back();
        for (const Include& i : includes_of(step.file)) {
            if (i.kind == Include::Kind::computed)
                closure.computed = true;
            else
                see(find(i, step.file, search),
                    step.by_assembler || i.kind == Include::Kind::assembler);
        }
    }
    return closure;
}

} // namespace xlp::build
