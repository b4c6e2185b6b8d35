// SPDX-License-Identifier: GPL-2.0-only
// An advisory as it is published: a title, sections, a table of patches, their hashes.
#include "tools/xlp-build/recipe/import.h"

#include <algorithm>
#include <fmt/format.h>
#include <regex>
#include <set>
#include <sstream>

namespace xlp::build {

namespace fs = std::filesystem;

namespace {

std::string trimmed(const std::string& text) {
    const std::size_t first = text.find_first_not_of(" \t\r");
    return first == text.npos ? "" : text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

// Lines without what a signature adds to them ("- -----BEGIN"), and without carriage returns.
std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with("- -"))
            line.erase(0, 2);
        while (!line.empty() && (line.back() == '\r' || line.back() == ' '))
            line.pop_back();
        lines.push_back(std::move(line));
    }
    return lines;
}

bool is_patch_name(const std::string& word) {
    static const std::regex form(R"(xsa[0-9]+\S*)");
    return std::regex_match(word, form)
           && (word.ends_with(".patch") || word.ends_with(".diff") || word.ends_with("/*"));
}

// "Xen 4.18.x", "4.18", "xen-unstable", "Xen unstable": the branch; nothing for anything else.
std::string branch_of(std::string text) {
    static const std::regex release(R"((?:xen\s+)?([0-9]+\.[0-9]+)(?:\.x)?)", std::regex::icase);
    static const std::regex unstable(R"((?:xen[ -])?unstable|master)", std::regex::icase);
    text = trimmed(text);
    std::smatch m;
    if (std::regex_match(text, m, release))
        return m[1].str();
    return std::regex_match(text, unstable) ? "master" : "";
}

std::vector<std::string> split(const std::string& text, const char* separator) {
    const std::regex form(separator);
    return {std::sregex_token_iterator(text.begin(), text.end(), form, -1),
            std::sregex_token_iterator()};
}

// What is said of a patch's target: branches, or something that is not Xen's own tree.
struct Targets {
    std::vector<std::string> branches;
    std::vector<std::string> concerns;
    std::string problem; // empty: understood
};

void add_range(Targets& to, std::string newer, std::string older, const std::string& newest) {
    if (branch_less(newer, older))
        std::swap(newer, older);
    if (newer == "master") {
        to.branches.push_back("master");
        if (newest.empty()) {
            to.problem = fmt::format("it does not list the branches between xen-unstable and {}; "
                                     "specify the newest one with --newest",
                                     older);
            to.branches.push_back(older);
            return;
        }
        newer = newest;
    }
    const std::size_t dot = older.find('.'), other = newer.find('.');
    if (older.substr(0, dot) != newer.substr(0, other)) {
        to.problem = fmt::format("{} to {} is a range over major versions", older, newer);
        return;
    }
    const unsigned long first = std::stoul(older.substr(dot + 1));
    for (unsigned long minor = std::stoul(newer.substr(other + 1)) + 1; minor-- > first;)
        to.branches.push_back(fmt::format("{}.{}", older.substr(0, dot), minor));
}

// "xen-unstable - Xen 4.19.x", "Xen 4.18.x, 4.17.x", "xen-unstable, Xen 4.11.x ... Xen 4.9.x".
Targets targets_of(const std::string& text, const std::string& newest) {
    static const std::regex tree(R"(.*\b(qemu|qemuu|qemut|linux)\b.*)", std::regex::icase);
    Targets t;
    for (const std::string& part : split(text, R"(\s*,\s*|\s+and\s+|\s*&\s*)")) {
        const auto ends = split(part, R"(\s+-\s+|\s*\.\.\.?\s*|\s+to\s+)");
        std::smatch m;
        if (trimmed(part).empty())
            continue;
        if (ends.size() == 1 && !branch_of(part).empty())
            t.branches.push_back(branch_of(part));
        else if (ends.size() == 2 && !branch_of(ends[0]).empty() && !branch_of(ends[1]).empty())
            add_range(t, branch_of(ends[0]), branch_of(ends[1]), newest);
        else if (std::regex_match(part, m, tree))
            t.concerns.push_back(m[1].str().front() == 'l' || m[1].str().front() == 'L' ? "linux"
                                                                                        : "qemu");
        else
            t.problem = fmt::format("`{}' is not a branch of Xen", trimmed(part));
    }
    if (t.branches.empty() && t.concerns.empty() && t.problem.empty())
        t.problem = "it does not say what it applies to";
    return t;
}

class TextReader {
public:
    TextReader(const std::string& text, fs::path file, const ImportContext& context)
        : lines_(lines_of(text)), file_(std::move(file)), context_(context) {}

    Result<Imported> read() {
        if (!heading())
            return fail(bad_input("recipe.malformed", "It names no advisory in its heading.",
                                  "An advisory begins with `Xen Security Advisory CVE-... / "
                                  "XSA-NNN'.",
                                  where(0)));
        recipe_.file = file_;
        table();
        unmentioned();
        result_.recipes.push_back(std::move(recipe_));
        return std::move(result_);
    }

private:
    Where where(std::size_t line) const {
        return {file_.string(), {}, {}, static_cast<unsigned>(line + 1)};
    }
    void tell(std::size_t line, std::string why) {
        result_.findings.push_back(warning("recipe.not-understood", std::move(why),
                                           "Read it, and correct the recipe manually.",
                                           where(line)));
    }

    // "Xen Security Advisory CVE-2026-42488 / XSA-494", "version 3", and the title in the lines
    // up to the first section.
    bool heading() {
        static const std::regex form(R"(\s*Xen Security Advisory\s+(.*)XSA-([0-9]{1,6})\s*)");
        static const std::regex version(R"(\s*version\s+[0-9]+\s*)");
        static const std::regex cve(R"(CVE-[0-9]{4}-[0-9]{4,})");
        std::smatch m;
        while (at_ < lines_.size() && !std::regex_match(lines_[at_], m, form))
            ++at_;
        if (at_ == lines_.size())
            return false;
        recipe_.number = static_cast<unsigned>(std::stoul(m[2].str()));
        const std::string cves = m[1].str();
        for (std::sregex_iterator it(cves.begin(), cves.end(), cve), end; it != end; ++it)
            recipe_.cves.push_back(it->str());
        static const std::regex only_cves(R"([\s,/]*(?:CVE-[0-9-]+[\s,/]*)*)");
        if (!std::regex_match(cves, only_cves))
            tell(at_, fmt::format("The heading also says `{}'.", trimmed(cves)));
        for (++at_; at_ + 1 < lines_.size() && !lines_[at_ + 1].starts_with("===="); ++at_)
            if (const std::string t = trimmed(lines_[at_]);
                !t.empty() && !std::regex_match(t, version))
                recipe_.title += (recipe_.title.empty() ? "" : " ") + t;
        if (recipe_.title.empty())
            tell(at_, "The advisory has no title.");
        return true;
    }

    // The lines of the resolution that begin with a patch's name.
    void table() {
        std::size_t i = at_;
        while (i + 1 < lines_.size()
               && !(lines_[i] == "RESOLUTION" && lines_[i + 1].starts_with("====")))
            ++i;
        if (i + 1 >= lines_.size())
            return tell(at_, "The advisory has no section RESOLUTION.");
        const std::size_t section = i;
        for (i += 2; i < lines_.size() && !lines_[i].starts_with("$ "); ++i) {
            if (i + 1 < lines_.size() && lines_[i + 1].starts_with("===="))
                break;
            std::istringstream in(lines_[i]);
            std::string name;
            in >> name;
            if (!is_patch_name(name))
                continue;
            std::string target;
            std::getline(in, target);
            std::size_t last = i;
            while (last + 1 < lines_.size() && lines_[last + 1].starts_with("        ")) {
                target += (trimmed(target).ends_with(',') ? " " : ", ") + trimmed(lines_[last + 1]);
                ++last;
            }
            row(i, name, trimmed(target));
            i = last;
        }
        if (patterns_.empty())
            tell(section, "The resolution names no patches.");
    }

    void row(std::size_t line, const std::string& pattern, const std::string& target) {
        patterns_.push_back(pattern);
        const Targets t = targets_of(target, context_.newest);
        if (!t.problem.empty())
            tell(line, fmt::format("Of {}: {}.", pattern, t.problem));
        for (const std::string& c : t.concerns)
            if (std::find(recipe_.concerns.begin(), recipe_.concerns.end(), c)
                == recipe_.concerns.end())
                recipe_.concerns.push_back(c);
        const auto patches = find_patches(pattern, context_, where(line), result_.findings);
        for (const PublishedPatch& p : patches)
            named_.insert(p.file);
        if (patches.empty())
            return;
        for (const std::string& branch : t.branches) {
            auto& list = recipe_.branches[branch].patches;
            list.insert(list.end(), patches.begin(), patches.end());
        }
    }

    // A patch that has a hash, and stands in no row.
    void unmentioned() {
        static const std::regex form(R"(([0-9a-f]{64})\s+\*?(\S+))");
        for (std::size_t i = at_; i < lines_.size(); ++i) {
            std::smatch m;
            if (std::regex_match(lines_[i], m, form) && is_patch_name(m[2].str())
                && !named_.contains(m[2].str()))
                tell(i, fmt::format("{} is published, but its branch is not stated.", m[2].str()));
        }
    }

    std::vector<std::string> lines_;
    fs::path file_;
    const ImportContext& context_;
    AdvisoryRecipe recipe_;
    Imported result_;
    std::size_t at_ = 0;
    std::vector<std::string> patterns_;
    std::set<std::string> named_;
};

} // namespace

std::map<std::string, std::string> hashes_of(const std::string& text) {
    static const std::regex form(R"(([0-9a-f]{64})\s+\*?(\S+))");
    std::map<std::string, std::string> hashes;
    for (const std::string& line : lines_of(text)) {
        std::smatch m;
        if (line.size() > 65 && line.size() < 600 && std::regex_match(line, m, form))
            hashes.emplace(m[2].str(), m[1].str());
    }
    return hashes;
}

Result<Imported> import_text(const std::string& text, const fs::path& file,
                             const ImportContext& context) {
    return TextReader(text, file, context).read();
}

} // namespace xlp::build
