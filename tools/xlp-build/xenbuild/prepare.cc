// SPDX-License-Identifier: GPL-2.0-only
// There is no target of Xen's for "everything but compiling". But the rule of xen/Makefile that
// makes the hypervisor is, in every version, a list of steps (tools, compile.h, generated headers,
// asm-offsets.h) of which just the last compiles and links. We take that rule from the tree's own
// Makefile, leave its last step out, and run it under another name.
#include "tools/xlp-build/xenbuild/prepare.h"

#include "payload/base/file.h"
#include "tools/common/process.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <fmt/format.h>
#include <set>
#include <sstream>
#include <unistd.h>

namespace xlp::build {

namespace fs = std::filesystem;

namespace {

constexpr const char* rule_file = ".xlp-prepare.mk"; // in xen/

// Headers that FLASK's own folder generates while it is compiled.
constexpr const char* flask_headers =
    "flask.h class_to_string.h initial_sid_to_string.h av_perm_to_string.h av_permissions.h";

struct Rule {
    std::string
        configuration; // prerequisites of `build' itself: up to 4.8 include/config/auto.conf
    std::string prerequisites;
    std::vector<std::string> steps; // with their tabs; continuation lines joined by newlines
};

// The rule of $(TARGET) in xen/Makefile.
Result<Rule> target_rule(const fs::path& tree) {
    auto makefile = read_text(tree / "xen/Makefile");
    if (!makefile)
        return fail(makefile);
    std::istringstream in(*makefile);
    Rule rule;
    bool inside = false, continued = false;
    constexpr std::string_view head = "$(TARGET):", build = "build install::";
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with(build))
            rule.configuration = line.substr(build.size());
        if (!inside) {
            inside = line.starts_with(head);
            if (inside)
                rule.prerequisites = line.substr(head.size());
            continue;
        }
        if (continued)
            rule.steps.back() += "\n" + line;
        else if (line.starts_with('\t'))
            rule.steps.push_back(line);
        else
            break; // the rule of `build' stands before it
        continued = line.ends_with('\\');
    }
    if (rule.steps.size() < 2)
        return fail(bad_input("source.unknown-layout",
                              "xen/Makefile has no rule for the hypervisor that xlp can follow.",
                              "xlp does not support this version of Xen's build; please report it.",
                              {.file = (tree / "xen/Makefile").string()}));
    rule.steps.pop_back();
    return rule;
}

// The rule file. Up to 4.16 the rule lives one make deeper, where Rules.mk includes the Makefile.
std::string rule_text(const Rule& rule) {
    std::string steps;
    for (const std::string& s : rule.steps)
        steps += s + "\n";
    const bool recursive = steps.find("-f $(BASEDIR)/Rules.mk") != steps.npos;
    std::string text = ".PHONY: xlp_prepare _xlp_prepare\n";
    if (recursive)
        text += fmt::format("xlp_prepare:{}\n\t$(MAKE) -f Rules.mk -f {} _xlp_prepare\n",
                            rule.configuration, rule_file);
    else
        text += "xlp_prepare: _xlp_prepare\n";
    text += fmt::format("_xlp_prepare: {}\n{}", rule.prerequisites, steps);
    text += fmt::format(
        "\t$(if $(CONFIG_XSM_FLASK)$(CONFIG_FLASK),{})\n",
        recursive ? fmt::format(
            "$(MAKE) -f $(BASEDIR)/Rules.mk -C xsm/flask $(addprefix include/,{})", flask_headers)
                  : fmt::format("$(MAKE) $(build)=xsm/flask $(addprefix xsm/flask/include/,{})",
                                flask_headers));
    return text;
}

// Trees up to 4.14 turn warnings into errors, and no make variable stops them. Compilers have
// learned these warnings since; a warning changes no code. The last one is for compilers without
// the others.
constexpr const char* old_tree_warnings =
    " -Wno-array-bounds -Wno-int-in-bool-context -Wno-address-of-packed-member"
    " -Wno-maybe-uninitialized -Wno-array-parameter -Wno-address -Wno-unknown-warning-option";

// The Python for a tree's makefiles, which up to 4.10 must be Python 2; empty if it is missing.
// /usr/bin/python3 is named because what the makefiles would pick may be a slow wrapper, and it
// runs a hundred times.
std::string python_for(const XenVersion& v) {
    if (v.at_least(4, 11))
        return access("/usr/bin/python3", X_OK) == 0 ? "/usr/bin/python3" : "";
    const char* path = std::getenv("PATH");
    std::istringstream folders(path ? path : "/usr/bin");
    for (std::string folder; std::getline(folders, folder, ':');)
        for (const char* name : {"python2.7", "python2"})
            if (const fs::path p = fs::path(folder) / name; access(p.c_str(), X_OK) == 0)
                return p.string();
    return {};
}

bool sets(const std::vector<std::string>& variables, std::string_view name) {
    return std::any_of(variables.begin(), variables.end(), [&](const std::string& v) {
        return v.starts_with(name) && v.size() > name.size() && v[name.size()] == '=';
    });
}

// make in xen/, with what makes its result the same wherever and whenever it runs.
Command make(const fs::path& tree, const Toolchain& toolchain, std::vector<std::string> arguments) {
    const auto version = read_version(tree);
    const bool old = version && !version->at_least(4, 15);
    Command c;
    c.directory = tree / "xen";
    c.argv = {"make", "CC=" + toolchain.cc + (old ? old_tree_warnings : "")};
    auto preset = [&](const std::string& name, const std::string& value) {
        if (!sets(toolchain.make_variables, name))
            c.argv.push_back(name + "=" + value);
    };
    preset("XEN_TARGET_ARCH", "x86_64");
    // Looks like a cross build: then the public headers are not also tried with other compilers.
    preset("XEN_COMPILE_ARCH", "any");
    preset("XEN_BUILD_DATE", "");
    preset("XEN_BUILD_TIME", "");
    preset("XEN_BUILD_HOST", "");
    preset("XEN_DOMAIN", "");
    preset("XEN_WHOAMI", "");
    preset("EXTRA_CFLAGS_XEN_CORE", "-Wno-error");
    if (version)
        if (const std::string python = python_for(*version); !python.empty())
            preset("PYTHON", python);
    for (const std::string& v : toolchain.make_variables)
        c.argv.push_back(v);
    for (std::string& a : arguments)
        c.argv.push_back(std::move(a));
    if (version && !version->at_least(4, 14)) // Kconfig hides live patching otherwise
        c.environment->set("XEN_CONFIG_EXPERT", "y");
    c.environment->set("GIT_CEILING_DIRECTORIES", tree.parent_path().string());
    return c;
}

std::string last_lines(const std::string& text, std::size_t count) {
    std::size_t at = text.size();
    while (at > 0 && text[at - 1] == '\n')
        --at;
    const std::size_t end = at;
    for (std::size_t n = 0; n < count && at != text.npos && at > 0; ++n)
        at = text.rfind('\n', at - 1);
    return text.substr(at == text.npos ? 0 : at, end - (at == text.npos ? 0 : at));
}

enum class Pace { one_job, all_jobs };

Result<Outcome> run_make(const fs::path& tree, const Toolchain& toolchain,
                         std::vector<std::string> arguments, Pace pace, const std::string& doing,
                         const std::stop_token& stop) {
    if (const auto v = read_version(tree); v && !v->at_least(4, 11) && python_for(*v).empty()
                                           && !sets(toolchain.make_variables, "PYTHON"))
        return fail(environment(
            "prepare.python",
            "Xen 4.10 and earlier need Python 2 to build, and there is none in PATH.",
            "Install it, or specify it: --make PYTHON=FILE.", {.file = (tree / "xen").string()}));
    Command command = make(tree, toolchain, std::move(arguments));
    if (pace == Pace::all_jobs && toolchain.jobs.is_shared())
        share(command, toolchain.jobs);
    else if (pace == Pace::all_jobs)
        command.argv.push_back(fmt::format("-j{}", toolchain.jobs.most()));
    auto outcome = run_command(command, stop);
    if (outcome && !outcome->ok())
        return fail(environment(
            "prepare.failed",
            fmt::format("Xen's build failed while {}:\n{}", doing,
                        last_lines(outcome->err.empty() ? outcome->out : outcome->err, 12)),
            "Check that this tree builds here with `make -C xen', and that make, flex, bison and "
            "python3 are installed.",
            {.file = (tree / "xen").string()}));
    return outcome;
}

// "CONFIG_X=y" lines.
std::set<std::string> settings(const std::string& config) {
    std::set<std::string> list;
    std::istringstream in(config);
    for (std::string line; std::getline(in, line);)
        if (line.starts_with("CONFIG_") && !line.ends_with("=n"))
            list.insert(line);
    return list;
}

// What Kconfig made of the configuration given.
Findings compare_settings(const std::set<std::string>& given, const std::set<std::string>& taken,
                          const fs::path& config) {
    Findings found;
    std::string lost;
    for (const std::string& s : given) {
        if (taken.count(s))
            continue;
        const std::string name = s.substr(0, s.find('=') + 1);
        if (name == "CONFIG_GCC_VERSION=" || name == "CONFIG_CLANG_VERSION=") {
            auto now = taken.lower_bound(name);
            const bool same = now != taken.end() && now->starts_with(name);
            found.push_back(warning("compiler.version",
                                    fmt::format("The configuration was made for a different "
                                                "compiler ({}) than the one in use ({}).",
                                                s, same ? *now : "another kind"),
                                    "Specify the compiler that built the hypervisor with --cc.",
                                    {.file = config.string()}));
        } else if (name != "CONFIG_CC_HAS_VISIBILITY_ATTRIBUTE=") {
            lost += (lost.empty() ? "" : ", ") + s;
        }
    }
    if (!lost.empty())
        found.push_back(warning("config.not-taken",
                                fmt::format("This tree's Kconfig did not accept: {}.", lost),
                                "Check that the configuration is for this source and compiler.",
                                {.file = config.string()}));
    return found;
}

// Up to 4.19 head.S includes, as assembly or bytes, 32-bit code that the build makes late. It runs
// before Xen itself: with empty files in its place head.S compiles, and compares as well.
std::vector<fs::path> boot_blobs(const fs::path& tree) {
    const fs::path folder = tree / "xen/arch/x86/boot";
    std::vector<fs::path> list;
    const std::string head = read_text(folder / "head.S").value_or("");
    for (const char* name : {"cmdline.S", "reloc.S", "cmdline.bin", "reloc.bin"})
        if (head.find(fmt::format("\"{}\"", name)) != head.npos)
            list.push_back(folder / name);
    return list;
}

} // namespace

Result<std::string> compiler_identity(const Toolchain& toolchain, const std::stop_token& stop) {
    Command c;
    c.argv = words(toolchain.cc);
    if (c.argv.empty())
        return fail(environment("compiler.missing", "No compiler is specified.", "Use --cc."));
    c.argv.push_back("-v");
    auto outcome = run_command(c, stop);
    if (!outcome && stop.stop_requested())
        return fail(outcome);
    if (!outcome || !outcome->ok())
        return fail(environment("compiler.missing",
                                fmt::format("The compiler `{}' cannot be run{}.", toolchain.cc,
                                            outcome ? ":\n" + last_lines(outcome->err, 3) : ""),
                                "Install it, or specify another with --cc."));
    std::string identity = toolchain.cc + "\n" + outcome->err + outcome->out;
    c.argv.back() = "-c";
    for (const char* a : {"-x", "c", "-o", "/dev/null", "-"})
        c.argv.push_back(a);
    c.input = "int f(int x) { return x + 1; }\n";
    outcome = run_command(c, stop);
    if (!outcome)
        return fail(outcome);
    if (!outcome->ok())
        return fail(environment("compiler.broken",
                                fmt::format("The compiler `{}' cannot compile one line of C:\n{}",
                                            toolchain.cc, last_lines(outcome->err, 5)),
                                "Fix it, or specify another with --cc."));
    return identity;
}

std::string version_line(const std::string& identity) {
    constexpr std::string_view word = " version ";
    std::istringstream lines(identity);
    std::string last;
    for (std::string line; std::getline(lines, line);) {
        const std::size_t at = line.find(word);
        if (at != line.npos && at + word.size() < line.size()
            && std::isdigit(static_cast<unsigned char>(line[at + word.size()])))
            return line;
        if (!line.empty())
            last = line;
    }
    return last;
}

Result<std::string> read_config(const fs::path& config) {
    auto text = read_text(config);
    if (!text)
        return fail(bad_input("config.unreadable", text.error().front().why,
                              "Specify the configuration of the running hypervisor with --config "
                              "(on Debian, /boot/xen-VERSION.config).",
                              {.file = config.string()}));
    return text;
}

Result<void> configure(const fs::path& tree, const fs::path& config, const Toolchain& toolchain,
                       const std::stop_token& stop) {
    auto text = read_config(config);
    if (!text)
        return fail(text);
    if (auto r = write_file(tree / "xen/.config", *text); !r)
        return r;
    if (auto r = reconfigure(tree, toolchain, stop); !r)
        return r;
    // a configuration may leave it to its default, so only Kconfig can tell
    text = read_config(tree / "xen/.config");
    if (!text)
        return fail(text);
    if (!settings(*text).count("CONFIG_LIVEPATCH=y"))
        return fail(bad_input("config.no-livepatch",
                              "The configuration does not set CONFIG_LIVEPATCH=y: such a "
                              "hypervisor accepts no live patches.",
                              "Specify the configuration of the running hypervisor with --config.",
                              {.file = config.string()}));
    return {};
}

Result<Findings> check_config(const fs::path& tree, const fs::path& config) {
    auto given = read_config(config);
    auto taken = read_config(tree / "xen/.config");
    if (!given || !taken)
        return fail(given ? taken.error() : given.error());
    return compare_settings(settings(*given), settings(*taken), config);
}

Result<void> reconfigure(const fs::path& tree, const Toolchain& toolchain,
                         const std::stop_token& stop) {
    auto outcome = run_make(tree, toolchain, {"olddefconfig"}, Pace::one_job, "configuring", stop);
    if (!outcome)
        return fail(outcome);
    return {};
}

Result<void> make_headers(const fs::path& tree, const Toolchain& toolchain,
                          const std::stop_token& stop) {
    auto rule = target_rule(tree);
    if (!rule)
        return fail(rule);
    if (auto r = write_file(tree / "xen" / rule_file, rule_text(*rule)); !r)
        return r;
    auto outcome = run_make(tree, toolchain, {"-f", "Makefile", "-f", rule_file, "xlp_prepare"},
                            Pace::all_jobs, "generating headers", stop);
    if (!outcome)
        return fail(outcome);
    return {};
}

Result<void> build_hypervisor(const fs::path& tree, const Toolchain& toolchain,
                              const std::stop_token& stop) {
    auto outcome = run_make(tree, toolchain, {}, Pace::all_jobs, "building the hypervisor", stop);
    if (!outcome)
        return fail(outcome);
    return {};
}

Result<Recipes> read_recipes(const fs::path& tree, const Toolchain& toolchain,
                             const std::stop_token& stop) {
    // A dry run ends early where a rule needs a file that an earlier one would have made; what it
    // has printed by then is all that compiles. It tells of no single failure otherwise.
    auto dry_run = [&]() {
        return run_command(make(tree, toolchain, {"-n", "-k", "-w", "build"}), stop);
    };
    for (const fs::path& blob : boot_blobs(tree)) {
        std::error_code ec;
        if (fs::file_size(blob, ec) == 0 && !ec)
            fs::remove(blob, ec); // or the dry run would not make it
    }
    auto outcome = dry_run();
    if (!outcome)
        return fail(outcome);
    bool linked = false;
    for (const auto& link : links_of(outcome->out)) {
        std::error_code ec;
        const fs::path at = tree / "xen" / link[3];
        if (fs::is_symlink(at, ec) || link[3] == "source" || link[3] == ".")
            continue;
        fs::create_symlink(link[2], at, ec);
        linked |= !ec;
    }
    if (linked && !(outcome = dry_run()))
        return fail(outcome);
    Recipes recipes = parse_dry_run(outcome->out, tree);
    if (recipes.empty())
        return fail(environment("prepare.failed",
                                fmt::format("Xen's build did not print its compiler commands:\n"
                                            "{}",
                                            last_lines(outcome->err, 12)),
                                {}, {.file = (tree / "xen").string()}));
    for (const fs::path& blob : boot_blobs(tree))
        if (!fs::exists(blob))
            if (auto ok = write_file(blob, ""); !ok)
                return fail(ok);
    return recipes;
}

} // namespace xlp::build
