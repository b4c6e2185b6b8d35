// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-build/source/patch_lines.h"

#include "tools/common/process.h"

#include <algorithm>
#include <fmt/format.h>

namespace xlp::build {

namespace fs = std::filesystem;

namespace {

std::string_view plain(std::string_view file) {
    while (file.starts_with("./"))
        file.remove_prefix(2);
    return file;
}

// Without context, the first line after a hunk; a count of 0 names the line before the hunk.
unsigned after(unsigned start, unsigned count) {
    return start + std::max(count, 1u);
}

// Follows C text line by line, to know whether a directive may stand before the next line.
class Scanner {
public:
    void line(std::string_view text) {
        // a brace in the first column ends whatever the conditional parts left open
        if (text.starts_with("}") || text.starts_with("{"))
            parentheses_ = 0;
        const bool directive = !comment_ && !continued_
                               && text.find_first_not_of(" \t") != text.npos
                               && text[text.find_first_not_of(" \t")] == '#';
        if (directive || (in_directive_ && continued_))
            scan(text, false);
        else
            scan(text, true);
        continued_ = text.ends_with('\\');
        in_directive_ = continued_ && (directive || in_directive_);
    }

    bool safe() const { return !comment_ && !continued_ && parentheses_ == 0; }

private:
    // Directives keep their parentheses to themselves.
    void scan(std::string_view s, bool count) {
        for (std::size_t i = 0; i < s.size(); ++i) {
            const char c = s[i], next = i + 1 < s.size() ? s[i + 1] : '\0';
            if (comment_) {
                if (c == '*' && next == '/') {
                    comment_ = false;
                    ++i;
                }
            } else if (c == '/' && next == '*') {
                comment_ = true;
                ++i;
            } else if (c == '/' && next == '/') {
                return;
            } else if (c == '"' || c == '\'') {
                i = end_of_literal(s, i);
            } else if (count && c == '(') {
                ++parentheses_;
            } else if (count && c == ')' && parentheses_ > 0) {
                --parentheses_;
            }
        }
    }

    static std::size_t end_of_literal(std::string_view s, std::size_t open) {
        for (std::size_t i = open + 1; i < s.size(); ++i) {
            if (s[i] == '\\')
                ++i;
            else if (s[i] == s[open])
                return i;
        }
        return s.size();
    }

    bool comment_ = false, continued_ = false, in_directive_ = false;
    unsigned parentheses_ = 0;
};

} // namespace

void LineMap::add(const std::string& file, std::vector<Hunk> hunks) {
    files_[std::string(plain(file))] = std::move(hunks);
}

std::optional<unsigned> LineMap::original(std::string_view file, unsigned line) const {
    auto it = files_.find(plain(file));
    if (it == files_.end())
        return line;
    unsigned original = line;
    for (const Hunk& h : it->second) {
        const unsigned first = h.new_count ? h.new_start : h.new_start + 1;
        if (line < first)
            break;
        if (line < first + h.new_count)
            return std::nullopt;
        original = line - after(h.new_start, h.new_count) + after(h.old_start, h.old_count);
    }
    return original;
}

bool LineMap::moves(std::string_view file) const {
    auto it = files_.find(plain(file));
    if (it == files_.end())
        return false;
    for (const Hunk& h : it->second)
        if (h.old_count != h.new_count)
            return true;
    return false;
}

Result<std::vector<Hunk>> compare_files(const fs::path& original, const fs::path& patched,
                                        const std::stop_token& stop) {
    auto outcome =
        run_command({.argv = {"diff", "-U0", "--text", original.string(), patched.string()}}, stop);
    if (!outcome)
        return fail(outcome);
    if (outcome->status > 1)
        return fail(environment("diff.failed", outcome->err));
    return parse_hunks(outcome->out);
}

std::string with_stable_lines(std::string_view patched, const std::vector<Hunk>& hunks) {
    std::string out;
    Scanner scanner;
    std::size_t next = 0; // the first hunk that is not passed yet
    unsigned number = 1;  // of the next line
    long shift = 0;       // original minus patched number, of the lines that follow
    long presumed = 0;    // the same, as directives so far have it
    for (std::size_t at = 0; at < patched.size(); ++number) {
        while (next < hunks.size()
               && number >= after(hunks[next].new_start, hunks[next].new_count)) {
            shift = static_cast<long>(after(hunks[next].old_start, hunks[next].old_count))
                    - static_cast<long>(after(hunks[next].new_start, hunks[next].new_count));
            ++next;
        }
        if (shift != presumed && scanner.safe()) {
            out += fmt::format("#line {}\n", static_cast<long>(number) + shift);
            presumed = shift;
        }
        std::size_t end = std::min(patched.find('\n', at), patched.size());
        std::string_view line = patched.substr(at, end - at);
        scanner.line(line);
        out += line;
        out += '\n';
        at = end + 1;
    }
    return out;
}

} // namespace xlp::build
