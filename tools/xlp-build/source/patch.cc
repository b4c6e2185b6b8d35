// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-build/source/patch.h"

#include "payload/base/file.h"
#include "tools/common/process.h"
#include "tools/xlp-build/source/tree.h"

#include <charconv>
#include <fmt/format.h>
#include <optional>
#include <sstream>

namespace xlp::build {

namespace fs = std::filesystem;

namespace {

// The lines of a text without their ends, one at a time.
class Lines {
public:
    explicit Lines(std::string_view text) : text_(text) {}

    bool end() const { return at_ >= text_.size(); }
    std::size_t offset() const { return at_; }
    unsigned number() const { return number_; }
    std::string_view peek() const {
        std::string_view rest = text_.substr(at_);
        return rest.substr(0, rest.find('\n'));
    }
    std::string_view take() {
        std::string_view line = peek();
        at_ += line.size() + 1;
        ++number_;
        return line;
    }

private:
    std::string_view text_;
    std::size_t at_ = 0;
    unsigned number_ = 1; // of the line that peek() shows
};

bool take_number(std::string_view& s, unsigned& to) {
    auto [end, ec] = std::from_chars(s.data(), s.data() + s.size(), to);
    if (ec != std::errc())
        return false;
    s.remove_prefix(static_cast<std::size_t>(end - s.data()));
    return true;
}

// "-3,2" or "-3", which means a count of 1.
bool take_range(std::string_view& s, char sign, unsigned& start, unsigned& count) {
    if (!s.starts_with(sign))
        return false;
    s.remove_prefix(1);
    if (!take_number(s, start))
        return false;
    count = 1;
    if (!s.starts_with(','))
        return true;
    s.remove_prefix(1);
    return take_number(s, count);
}

std::optional<Hunk> parse_hunk_header(std::string_view line) {
    if (!line.starts_with("@@ "))
        return std::nullopt;
    line.remove_prefix(3);
    Hunk h;
    if (!take_range(line, '-', h.old_start, h.old_count) || !line.starts_with(' '))
        return std::nullopt;
    line.remove_prefix(1);
    if (!take_range(line, '+', h.new_start, h.new_count) || !line.starts_with(" @@"))
        return std::nullopt;
    return h;
}

// The path of a "--- a/path<TAB>date" line; empty for /dev/null.
std::string_view given_path(std::string_view line) {
    line = line.substr(0, line.find('\t'));
    while (line.ends_with('\r') || line.ends_with(' '))
        line.remove_suffix(1);
    return line == "/dev/null" ? std::string_view() : line;
}

// Stripped.
std::string path_of(std::string_view line) {
    line = given_path(line);
    std::size_t slash = line.find('/');
    return std::string(slash == line.npos ? line : line.substr(slash + 1));
}

Finding malformed(const std::string& name, unsigned line, const std::string& why) {
    return bad_input("patch.malformed", fmt::format("The patch is damaged: {}.", why),
                     "Use the raw patch file, unmodified by mail clients or web pages.",
                     {.file = name, .line = line});
}

// Reads the hunk's body; false when it ends early or holds a line that no hunk may hold.
bool take_body(Lines& lines, const Hunk& h) {
    unsigned old_left = h.old_count, new_left = h.new_count;
    while (old_left || new_left) {
        if (lines.end())
            return false;
        std::string_view line = lines.peek();
        const char kind = line.empty() ? ' ' : line[0]; // mailers strip the blank of an empty line
        if (kind == ' ' && old_left && new_left) {
            --old_left;
            --new_left;
        } else if (kind == '-' && old_left) {
            --old_left;
        } else if (kind == '+' && new_left) {
            --new_left;
        } else if (kind != '\\') {
            return false;
        }
        lines.take();
    }
    if (lines.peek().starts_with("\\ "))
        lines.take();
    return true;
}

// Reads one file's section; `lines` is at its first line.
Result<FilePatch> take_file(Lines& lines, std::string_view text, const std::string& name) {
    FilePatch file;
    const std::size_t begin = lines.offset();
    std::string_view line = lines.peek();
    if (line.starts_with("diff --git ")) {
        lines.take();
        // "diff --git a/x b/x": names the file where no "---" line does (mode, rename, binary)
        line.remove_prefix(11);
        if (std::size_t blank = line.find(' '); blank != line.npos) {
            file.old_path = path_of(line.substr(0, blank));
            file.new_path = path_of(line.substr(blank + 1));
            file.old_given = line.substr(0, blank);
            file.new_given = line.substr(blank + 1);
        }
        while (!lines.end()) {
            line = lines.peek();
            if (line.starts_with("--- ") || line.starts_with("diff --git ")
                || line.starts_with("-- "))
                break;
            if (line.starts_with("rename from ") || line.starts_with("copy from "))
                file.old_path = line.substr(line.find(" from ") + 6);
            else if (line.starts_with("rename to ") || line.starts_with("copy to "))
                file.new_path = line.substr(line.find(" to ") + 4);
            else if (line.starts_with("new file mode"))
                file.old_path.clear();
            else if (line.starts_with("deleted file mode"))
                file.new_path.clear();
            else if (line.starts_with("GIT binary patch") || line.starts_with("Binary files"))
                file.binary = true;
            lines.take();
        }
    }
    if (lines.peek().starts_with("--- ")) {
        file.old_given = given_path(lines.peek().substr(4));
        file.old_path = path_of(lines.take().substr(4));
        if (!lines.peek().starts_with("+++ "))
            return fail(malformed(name, lines.number(), "a `---' line is not followed by `+++'"));
        file.new_given = given_path(lines.peek().substr(4));
        file.new_path = path_of(lines.take().substr(4));
        while (auto hunk = parse_hunk_header(lines.peek())) {
            const unsigned number = lines.number();
            lines.take();
            if (!take_body(lines, *hunk))
                return fail(malformed(
                    name, lines.number(),
                    fmt::format(
                        "the hunk at line {} does not contain as many lines as its header says",
                        number)));
            file.hunks.push_back(*hunk);
            // `patch' itself skips blank lines between hunks
            while (!lines.end() && lines.peek().empty())
                lines.take();
        }
        if (file.hunks.empty())
            return fail(malformed(name, lines.number(), "a file has no hunk"));
    }
    file.text = text.substr(begin, lines.offset() - begin);
    if (!file.text.ends_with('\n'))
        file.text += '\n';
    return file;
}

bool starts_file(const Lines& lines, std::string_view text) {
    std::string_view line = lines.peek();
    if (line.starts_with("diff --git "))
        return true;
    if (!line.starts_with("--- "))
        return false;
    std::string_view rest = text.substr(lines.offset());
    std::size_t next = rest.find('\n');
    return next != rest.npos && rest.substr(next + 1).starts_with("+++ ");
}

// patch(1) tells of hunks on stdout: "patching file F", "Hunk #2 FAILED at 10.",
// "Hunk #1 succeeded at 9 (offset 2 lines)."
Findings read_report(const std::string& out, const std::string& name, bool failures) {
    Findings found;
    std::string file;
    std::istringstream in(out);
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with("patching file ") || line.starts_with("checking file "))
            file = line.substr(14);
        if (failures && line.find("previously applied") != line.npos)
            found.push_back(bad_input(
                "patch.already-applied", fmt::format("{} is already applied to this source.", name),
                "Use the source that the running hypervisor was built from, or omit the patch.",
                {.source = file}));
        else if (failures
                 && (line.find("FAILED at ") != line.npos
                     || line.find("No file to patch") != line.npos
                     || line.find("would create the file") != line.npos))
            found.push_back(
                bad_input("patch.does-not-apply",
                          fmt::format("{} does not apply to the source: {}", name, line),
                          "Use a patch made for this exact source; fuzz is not accepted, because a "
                          "misplaced change would go into a running hypervisor.",
                          {.source = file}));
        if (!failures && line.find("(offset ") != line.npos)
            found.push_back(
                note("patch.offset", fmt::format("{}: {}", name, line), {}, {.source = file}));
    }
    return found;
}

} // namespace

namespace {

bool there(const fs::path& source, const std::string& path) {
    std::error_code ec;
    return !path.empty() && fs::exists(source / path, ec);
}

// Of the path that a file has before the patch, or after it if it is new.
bool known(const FilePatch& f, const fs::path& source) {
    return there(source,
                 f.old_path.empty() ? fs::path(f.new_path).parent_path().string() : f.old_path);
}

// Gives the file's section the prefixes that git gives, where it has none.
void add_prefixes(FilePatch& f) {
    const std::string& before = f.old_given.empty() ? f.new_given : f.old_given;
    const std::string& after = f.new_given.empty() ? f.old_given : f.new_given;
    std::string text;
    Lines lines(f.text);
    bool header = true;
    while (!lines.end()) {
        const std::string_view line = lines.take();
        header = header && !line.starts_with("@@ ");
        if (header && line.starts_with("diff --git "))
            text += fmt::format("diff --git a/{} b/{}", before, after);
        else if (header && line.starts_with("--- ") && !f.old_given.empty())
            text += fmt::format("--- a/{}", f.old_given);
        else if (header && line.starts_with("+++ ") && !f.new_given.empty())
            text += fmt::format("+++ b/{}", f.new_given);
        else
            text += line;
        text += '\n';
    }
    f.text = std::move(text);
    f.old_path = f.old_path.empty() ? std::string() : f.old_given;
    f.new_path = f.new_path.empty() ? std::string() : f.new_given;
}

} // namespace

Result<void> settle_paths(std::vector<FilePatch>& files, const std::string& name,
                          const fs::path& source) {
    std::string strange;
    bool any = false, within = false;
    for (FilePatch& f : files) {
        const std::string given = f.old_given.empty() ? f.new_given : f.old_given;
        if (kind_of(f.path()) == FileKind::outside && kind_of(given) != FileKind::outside
            && !known(f, source)
            && there(source, f.old_given.empty() ? fs::path(given).parent_path().string() : given))
            add_prefixes(f);
        if (kind_of(f.path()) != FileKind::outside || known(f, source)) {
            any = true;
            continue;
        }
        strange += (strange.empty() ? "" : ", ") + given;
        within |= there(source, "xen/" + f.path()) || there(source, "xen/" + given);
    }
    if (any || files.empty())
        return {};
    return fail(
        bad_input("patch.paths",
                  fmt::format("The source has none of the files in this patch: {}.{}", strange,
                              within ? " It was made inside the xen/ directory." : ""),
                  "Make the patch from the root of the source, with git's prefixes (a/xen/... "
                  "b/xen/...), or use the source that it was made for.",
                  {.file = name}));
}

Result<std::vector<FilePatch>> parse_patch(std::string_view text, const std::string& name) {
    std::vector<FilePatch> files;
    Lines lines(text);
    while (!lines.end()) {
        if (!starts_file(lines, text)) {
            lines.take(); // description
            continue;
        }
        auto file = take_file(lines, text, name);
        if (!file)
            return fail(file);
        files.push_back(std::move(*file));
    }
    if (files.empty())
        return fail(bad_input("patch.empty", "The file does not contain a unified diff.", {},
                              {.file = name}));
    return files;
}

std::vector<Hunk> parse_hunks(std::string_view text) {
    std::vector<Hunk> hunks;
    Lines lines(text);
    while (!lines.end())
        if (auto hunk = parse_hunk_header(lines.take())) {
            take_body(lines, *hunk);
            hunks.push_back(*hunk);
        }
    return hunks;
}

FileKind kind_of(std::string_view path) {
    if (!path.starts_with("xen/"))
        return belongs_to_hypervisor(path) ? FileKind::build : FileKind::outside;
    for (std::string_view folder :
         {"xen/arch/arm/", "xen/arch/riscv/", "xen/arch/ppc/", "xen/include/asm-arm/",
          "xen/include/public/arch-arm/", "xen/drivers/passthrough/arm/"})
        if (path.starts_with(folder))
            return FileKind::other_arch;
    const std::string_view name = path.substr(path.rfind('/') + 1);
    if (name.ends_with(".lds.S"))
        return FileKind::linker_script;
    if (path.starts_with("xen/tools/") || path.starts_with("xen/scripts/")
        || name.starts_with("Makefile") || name.starts_with("Kconfig") || name.ends_with(".mk")
        || name.ends_with(".lst"))
        return FileKind::build;
    if (name.ends_with(".c"))
        return FileKind::c_source;
    if (name.ends_with(".h"))
        return FileKind::header;
    if (name.ends_with(".S"))
        return FileKind::assembly;
    return FileKind::other;
}

Result<Findings> apply_patch(const std::vector<FilePatch>& files, const std::string& name,
                             const fs::path& tree, const std::stop_token& stop) {
    std::string text;
    for (const FilePatch& f : files)
        text += f.text;
    const fs::path file = tree / ".xlp-patch";
    if (auto r = write_file(file, text); !r)
        return fail(r);
    Command command{.argv = {"patch", "-p1", "--fuzz=0", "--batch", "--forward", "--verbose",
                             "--no-backup-if-mismatch", "--reject-file=-", "-i", file.string()},
                    .directory = tree,
                    .environment = {},
                    .output = {},
                    .input = {}};
    auto outcome = run_command(command, stop);
    std::error_code ec;
    fs::remove(file, ec);
    if (!outcome)
        return fail(outcome);
    if (outcome->ok())
        return read_report(outcome->out, name, false);
    Findings failures = read_report(outcome->out, name, true);
    if (failures.empty())
        failures.push_back(
            bad_input("patch.does-not-apply", fmt::format("{} does not apply to the source: {}",
                                                          name, outcome->out + outcome->err)));
    return fail(std::move(failures));
}

} // namespace xlp::build
