// SPDX-License-Identifier: GPL-2.0-only
// An advisory as it is published: a title, sections, a table of patches, their hashes.
#include "tools/xlp-build/recipe/import.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <regex>
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

// "Xen 4.18.x", "4.18", "xen-unstable", "Xen unstable": the branch; nothing for anything else. A
// patch for a release, "Xen 4.10.0", is one for that release's branch.
std::string branch_of(std::string text) {
    static const std::regex release(R"((?:xen\s+)?([0-9]+\.[0-9]+)(?:\.(?:x|[0-9]+))?\.?)",
                                    std::regex::icase);
    static const std::regex unstable(R"((?:xen[ -])?unstable|master)", std::regex::icase);
    text = trimmed(text);
    std::smatch m;
    if (std::regex_match(text, m, release))
        return m[1].str();
    return std::regex_match(text, unstable) ? "master" : "";
}

bool begins_with_xen(const std::string& text) {
    static const std::regex form(R"(\s*(?:xen[ -](?:unstable|[0-9])|[0-9]+\.[0-9]).*)",
                                 std::regex::icase);
    return std::regex_match(text, form);
}

bool names_xen(const std::string& text) {
    static const std::regex form(R"(\bxen[ -](?:unstable|[0-9]))", std::regex::icase);
    return std::regex_search(text, form);
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

    void say(const std::string& what) { problem += (problem.empty() ? "" : "; ") + what; }
};

// The tree of another project that a text names: "qemu-xen-traditional", "Linux 5.10", "XAPI
// master".
std::string other_tree(const std::string& text) {
    static const std::regex form(R"(\b(qemu|linux|xapi|varstored|blktap|oxenstored)[ut]?\b)",
                                 std::regex::icase);
    std::smatch m;
    if (!std::regex_search(text, m, form))
        return "";
    const char first = static_cast<char>(m[1].str().front() | 0x20);
    return first == 'q' ? "qemu" : first == 'l' ? "linux" : "other";
}

void add_range(Targets& to, std::string newer, std::string older, const std::string& newest) {
    if (branch_less(newer, older))
        std::swap(newer, older);
    if (newer == "master") {
        to.branches.push_back("master");
        if (newest.empty() || branch_less(newest, older)) {
            to.say(newest.empty()
                       ? fmt::format("it does not list the branches between xen-unstable and {}; "
                                     "specify the newest one with --newest",
                                     older)
                       : fmt::format("its range ends at {}, which is newer than {} of --newest",
                                     older, newest));
            to.branches.push_back(older);
            return;
        }
        newer = newest;
    }
    const std::size_t dot = older.find('.'), other = newer.find('.');
    if (older.substr(0, dot) != newer.substr(0, other)) {
        to.say(fmt::format("{} to {} is a range over major versions", older, newer));
        return;
    }
    const unsigned long first = std::stoul(older.substr(dot + 1));
    for (unsigned long minor = std::stoul(newer.substr(other + 1)) + 1; minor-- > first;)
        to.branches.push_back(fmt::format("{}.{}", older.substr(0, dot), minor));
}

// The parts of a list; "Xen 4.9.x Xen 4.8.x" is one too.
std::vector<std::string> listed(const std::string& text) {
    static const std::regex next(R"(([0-9x])\s+(?=xen\s+[0-9]))", std::regex::icase);
    return split(std::regex_replace(text, next, "$1, "), R"(\s*,\s*|\s+and\s+|\s*&\s*)");
}

void add_branches(Targets& to, const std::string& part, const std::string& newest) {
    const auto ends = split(part, R"(\s+-\s+|\s*\.\.\.?\s*|\s+to\s+)");
    if (!branch_of(part).empty())
        to.branches.push_back(branch_of(part));
    else if (ends.size() == 2 && !branch_of(ends[0]).empty() && !branch_of(ends[1]).empty())
        add_range(to, branch_of(ends[0]), branch_of(ends[1]), newest);
    else
        to.say(fmt::format("`{}' is not a branch of Xen", trimmed(part)));
}

// "xen-unstable - Xen 4.19.x", "Xen 4.18.x, 4.17.x", "xen-unstable, Xen 4.11.x ... Xen 4.9.x".
// Where another project's tree is named, the versions after it are of that tree, or those of Xen
// that it goes with: "qemu-xen 4.5, 4.4", "qemu upstream, Xen unstable, 4.6.x",
// "Linux 6.0, 6.1-rc".
Targets targets_of(const std::string& text, const std::string& newest) {
    Targets t;
    const std::vector<std::string> parts = listed(text);
    if (const std::string tree = other_tree(text); !tree.empty()) {
        if (begins_with_xen(text) || (tree != "qemu" && names_xen(text))) {
            t.say(fmt::format("`{}' is both Xen and another project", text));
            return t;
        }
        for (const std::string& part : parts)
            if (!other_tree(part).empty())
                t.concerns.push_back(other_tree(part));
        return t;
    }
    for (const std::string& part : parts)
        if (!trimmed(part).empty())
            add_branches(t, part, newest);
    if (t.branches.empty() && t.problem.empty())
        t.say("it does not say what it applies to");
    return t;
}

// What a patch's own name says against its row: "xsa162-qemuu-4.3.patch  Xen 4.3.x" is for the QEMU
// of that Xen.
void heed_name(Targets& t, const std::string& pattern) {
    static const std::regex form(R"(.*[-_/](qemu[ut]?|linux)(?:[-_./].*)?)");
    std::smatch m;
    if (t.branches.empty() || !std::regex_match(pattern, m, form))
        return;
    t.branches.clear();
    t.concerns.push_back(other_tree(m[1].str()));
    t.say(fmt::format("its row names branches of Xen, but its name says {}", m[1].str()));
}

// "xsa214-4.8.patch": 214.
unsigned advisory_of(const std::string& name) {
    static const std::regex form(R"(xsa([0-9]{1,6})\D.*)");
    std::smatch m;
    return std::regex_match(name, m, form) ? static_cast<unsigned>(std::stoul(m[1].str())) : 0;
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
        if (open_) // naming others alone would say that Xen is not concerned
            recipe_.concerns.clear();
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
        Targets t = targets_of(target, context_.newest);
        heed_name(t, pattern);
        if (!t.problem.empty())
            tell(line, fmt::format("Of {}: {}.", pattern, t.problem));
        for (const std::string& c : t.concerns)
            if (std::find(recipe_.concerns.begin(), recipe_.concerns.end(), c)
                == recipe_.concerns.end())
                recipe_.concerns.push_back(c);
        const auto patches = find_patches(pattern, context_, where(line), result_.findings);
        open_ = open_ || (t.concerns.empty() && (t.branches.empty() || patches.empty()));
        if (patches.empty())
            return;
        if (advisory_of(pattern) != recipe_.number)
            return tell(line, fmt::format("{} is not named for {}.", pattern, recipe_.id()));
        for (const PublishedPatch& p : patches)
            name(line, p.file, pattern);
        for (const std::string& branch : t.branches)
            add_patches(recipe_.branches[branch].patches, patches);
    }

    // A glob that also matches what another row names: "xsa900-*.patch" next to
    // "xsa900-4.17-1.patch".
    void name(std::size_t line, const std::string& file, const std::string& pattern) {
        const auto [it, fresh] = named_.emplace(file, pattern);
        if (!fresh && it->second != pattern)
            tell(line, fmt::format("{} is in two rows, `{}' and `{}'.", file, it->second, pattern));
    }

    static void add_patches(std::vector<PublishedPatch>& to,
                            const std::vector<PublishedPatch>& patches) {
        for (const PublishedPatch& p : patches)
            if (std::none_of(to.begin(), to.end(),
                             [&](const PublishedPatch& q) { return q.file == p.file; }))
                to.push_back(p);
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
    bool open_ = false; // a row that may be for Xen, of which nothing was taken
    std::map<std::string, std::string> named_; // files, and the row that named each
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
