// SPDX-License-Identifier: GPL-2.0-only
// Who includes whom, by the text of the files alone: conditions are not looked at, so the answer
// may hold more than what a compiler would see, never less.
#pragma once

#include "tools/xlp-build/xenbuild/recipes.h"

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace xlp::build {

struct Include {
    enum class Kind {
        quoted,    // "name": beside the file first
        angled,    // <name>
        computed,  // a macro names it; it could be any
        assembler, // .include "name" in assembly text; the preprocessor does not see it
    };
    Kind kind = Kind::quoted;
    std::string name;

    bool operator==(const Include&) const = default;
};

// The include directives of a C or assembly file, in order. `#include __FILE__` names nothing new.
std::vector<Include> scan_includes(std::string_view text);

// What a unit can see.
struct Closure {
    std::set<std::string> files;        // relative to the tree's root, links resolved
    std::set<std::string> by_assembler; // those of them that only .include reaches
    bool computed = false;              // a macro names an included file
};

// One tree's files, each read once. Not thread-safe.
class IncludeGraph {
public:
    explicit IncludeGraph(std::filesystem::path tree);
    Closure closure(const Recipe&);

private:
    struct Search; // where a recipe's compiler looks
    const std::vector<Include>& includes_of(const std::string& file);
    std::string find(const Include&, const std::string& includer, const Search&);
    std::string existing(const std::filesystem::path& relative);

    std::filesystem::path tree_;
    std::map<std::string, std::vector<Include>> scanned_;
    std::map<std::string, std::string> existing_; // a path as named -> resolved, or empty
};

} // namespace xlp::build
