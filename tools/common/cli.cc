// SPDX-License-Identifier: GPL-2.0-only
#include "tools/common/cli.h"

#include "tools/common/base.h"

#include "tools/common/completion.h"
#include "tools/common/finding_text.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fmt/format.h>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <sys/stat.h>
#include <unistd.h>

template class boost::program_options::typed_value<std::string>;
template class boost::program_options::typed_value<unsigned>;

namespace xlp::cli {

const char* version() {
    return XLP_VERSION;
}

std::string text(const po::variables_map& vm, const char* option) {
    return vm.count(option) ? vm[option].as<std::string>() : std::string();
}

std::vector<std::string> strings(const po::variables_map& vm, const char* option) {
    return vm.count(option) ? vm[option].as<std::vector<std::string>>()
                            : std::vector<std::string>{};
}

namespace {

po::options_description common_options() {
    po::options_description d("Common options");
    d.add_options()("help,h", "show this help and exit")("version", "show the version and exit")(
        "json", "print one JSON document, and nothing else, on stdout")(
        "quiet,q", "print errors and warnings only")("verbose,v", "more detail (repeatable)")(
        "color", po::value<std::string>()->default_value("auto")->value_name("WHEN"),
        "auto, always or never");
    return d;
}

Result<Common> read_common(const po::variables_map& vm, int verbose) {
    Common c;
    c.json = vm.count("json");
    c.quiet = vm.count("quiet");
    c.verbose = verbose;
    const std::string when = vm["color"].as<std::string>();
    if (when == "always")
        c.color = Color::always;
    else if (when == "never")
        c.color = Color::never;
    else if (when != "auto")
        return fail(
            wrong_usage(fmt::format("--color takes auto, always or never, not `{}'.", when)));
    return c;
}

// Takes -v, -vv and --verbose out of the arguments, up to "--", and counts them: program_options
// allows a switch once only.
int take_verbose(std::vector<std::string>& args) {
    int count = 0;
    auto end = std::find(args.begin(), args.end(), "--");
    auto kept = std::remove_if(args.begin(), end, [&](const std::string& a) {
        const bool many = a.size() > 1 && a[0] == '-' && a.find_first_not_of('v', 1) == a.npos;
        count += many ? static_cast<int>(a.size()) - 1 : a == "--verbose";
        return many || a == "--verbose";
    });
    args.erase(kept, end);
    return count;
}

std::string tool_help(const Tool& tool) {
    std::string s = fmt::format("{0} - {1}\n\nUsage: {0} VERB [OPTIONS] ARGUMENTS\n\nVerbs:\n",
                                tool.name, tool.summary);
    for (const Verb& v : tool.verbs)
        s += fmt::format("  {:<12} {}\n", v.name, v.summary);
    s += fmt::format("\n"
                     "`{0} VERB --help' describes a verb. `{0} --version' prints the version.\n"
                     "Exit codes: 0 done, 1 refused, 2 wrong usage, 3 bad input, 4 environment, 5 "
                     "internal error.\n",
                     tool.name);
    return s;
}

std::string verb_help(const Tool& tool, const Verb& verb) {
    std::ostringstream s;
    s << fmt::format("Usage: {} {} {}\n\n{}\n\n", tool.name, verb.name, verb.arguments,
                     verb.summary);
    po::options_description own("Options");
    for (const auto& o : verb.options.options()) {
        const std::string& name = o->long_name();
        bool positional =
            std::any_of(verb.positional.begin(), verb.positional.end(),
                        [&](const std::string& p) { return p == name || p == name + "..."; });
        if (!positional)
            own.add(o);
    }
    if (!own.options().empty())
        s << own << '\n';
    s << common_options();
    if (!verb.examples.empty())
        s << "\nExamples:\n" << verb.examples;
    return s.str();
}

int usage_error(const Tool& tool, const Verb* verb, const Output& out, const std::string& why) {
    Findings f{wrong_usage(why, fmt::format("See `{}{}{} --help'.", tool.name, verb ? " " : "",
                                            verb ? verb->name : ""))};
    out.findings(f);
    out.document(Json::object(), f, Failure::usage);
    return static_cast<int>(Failure::usage);
}

po::variables_map parse(const Verb& verb, const std::vector<std::string>& args) {
    po::options_description all;
    all.add(verb.options).add(common_options());
    po::positional_options_description positional;
    for (const std::string& name : verb.positional) {
        bool rest = name.size() > 3 && name.ends_with("...");
        positional.add(rest ? name.substr(0, name.size() - 3).c_str() : name.c_str(),
                       rest ? -1 : 1);
    }
    po::variables_map vm;
    // abbreviated options would change meaning when an option is added
    namespace style = po::command_line_style;
    po::store(po::command_line_parser(args)
                  .options(all)
                  .positional(positional)
                  .style(style::unix_style & ~style::allow_guessing)
                  .run(),
              vm);
    if (!vm.count("help"))
        po::notify(vm);
    return vm;
}

int run_verb(const Tool& tool, const Verb& verb, std::vector<std::string> args) {
    const int verbose = take_verbose(args);
    Common fallback;
    fallback.json = std::find(args.begin(), args.end(), "--json") != args.end();
    if (!verb.base_files.empty()) {
        auto expanded = expand_base(std::move(args), verb.base_files);
        if (!expanded) {
            const Failure failure = failure_of(expanded.error());
            Output(fallback).findings(expanded.error());
            Output(fallback).document(Json::object(), expanded.error(), failure);
            return static_cast<int>(failure);
        }
        args = std::move(*expanded);
    }
    po::variables_map vm;
    try {
        vm = parse(verb, args);
    } catch (const po::error& e) {
        return usage_error(tool, &verb, Output(fallback), fmt::format("{}.", e.what()));
    }
    if (vm.count("help")) {
        std::cout << verb_help(tool, verb);
        return 0;
    }
    auto common = read_common(vm, verbose);
    if (!common)
        return usage_error(tool, &verb, Output(fallback), common.error().front().why);
    Output out(*common);
    Json doc = Json::object();
    Findings findings;
    Result<void> result;
    try {
        result = verb.run(vm, out, doc, findings);
    } catch (const std::bad_alloc&) {
        result = fail(environment("memory", "Out of memory."));
    } catch (const std::exception& e) {
        result = fail(internal_fault("internal", fmt::format("Unexpected: {}.", e.what())));
    }
    out.progress_end();
    if (!result)
        append(findings, result.error());
    Failure failure = failure_of(findings);
    if (verb.exit_code)
        failure = static_cast<Failure>(verb.exit_code(vm, doc, failure));
    out.findings(findings);
    out.document(doc, findings, failure);
    std::cout.flush();
    return static_cast<int>(failure);
}

int dispatch(const Tool& tool, int argc, char** argv) {
    std::vector<std::string> args(argv, argv + argc);
    if (args.size() < 2)
        return usage_error(tool, nullptr, Output({}), "No verb given.");
    const std::string verb = args[1];
    if (verb == "--help" || verb == "-h" || verb == "help") {
        std::cout << tool_help(tool);
        return 0;
    }
    if (verb == "--completion" && args.size() == 3) { // for packagers, so not in the help
        auto script = completion(tool, common_options(), args[2]);
        if (!script)
            return usage_error(tool, nullptr, Output({}), "--completion takes bash or zsh.");
        std::cout << *script;
        return 0;
    }
    if (verb == "--version") {
        std::cout << tool.name << ' ' << version() << '\n';
        return 0;
    }
    auto it = std::find_if(tool.verbs.begin(), tool.verbs.end(),
                           [&](const Verb& v) { return v.name == verb; });
    if (it == tool.verbs.end()) {
        Common c;
        c.json = std::find(args.begin(), args.end(), "--json") != args.end();
        return usage_error(tool, nullptr, Output(c), fmt::format("Unknown verb `{}'.", verb));
    }
    return run_verb(tool, *it, {args.begin() + 2, args.end()});
}

} // namespace

Verb with_base(Verb v, std::map<std::string, std::string> base_files) {
    v.base_files = std::move(base_files);
    v.options.add_options()(
        "base", po::value<std::string>()->value_name("NAME|DIR"),
        "a base (see xlp-build base list): replaces the options that name its files");
    return v;
}

bool stderr_is_journal() {
    const char* stream = std::getenv("JOURNAL_STREAM"); // "device:inode", systemd.exec(5)
    struct stat s {};
    return stream && ::fstat(STDERR_FILENO, &s) == 0
           && fmt::format("{}:{}", s.st_dev, s.st_ino) == stream;
}

bool Output::stderr_color() const {
    if (common_.color == Color::automatic)
        return isatty(STDERR_FILENO) && !getenv("NO_COLOR");
    return common_.color == Color::always;
}

void Output::text(const std::string& line) const {
    if (!common_.json && !common_.quiet)
        std::cout << harmless(line) << '\n';
}

void Output::detail(const std::string& line) const {
    if (!verbose() || common_.quiet)
        return;
    progress_end();
    std::cerr << harmless(line) << '\n';
}

void Output::progress(const std::string& line) const {
    if (common_.quiet || common_.json || !isatty(STDERR_FILENO))
        return;
    std::cerr << "\r\x1b[K" << harmless(line) << std::flush;
    drawn_ = !line.empty();
}

void Output::progress_end() const {
    if (drawn_)
        progress("");
}

void Output::findings(const Findings& list) const {
    if (common_.json)
        return;
    Findings shown;
    for (const Finding& f : list)
        if (f.severity != Severity::note || (verbose() && !common_.quiet))
            shown.push_back(f);
    const bool journal = stderr_is_journal();
    std::cerr << cli::text(shown, {!journal && stderr_color(), journal, verbose()});
}

void Output::document(const Json& doc, const Findings& list, Failure failure) const {
    if (!common_.json)
        return;
    Json whole = {
        {"tool", "xlp"}, {"version", version()}, {"exit_code", static_cast<int>(failure)}};
    whole.update(doc);
    whole["findings"] = to_json(list);
    std::cout << whole.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
}

Json to_json(const Finding& f) {
    Json j = {{"code", f.code}, {"severity", severity_name(f.severity)}, {"why", f.why}};
    if (!f.remedy.empty())
        j["remedy"] = f.remedy;
    if (!f.where.file.empty())
        j["file"] = f.where.file;
    if (!f.where.function.empty())
        j["function"] = f.where.function;
    if (!f.where.source.empty())
        j["source"] = f.where.source;
    if (f.where.line)
        j["line"] = f.where.line;
    return j;
}

Json to_json(const Findings& list) {
    Json a = Json::array();
    for (const Finding& f : list)
        a.push_back(to_json(f));
    return a;
}

int run(const Tool& tool, int argc, char** argv) {
    int code = dispatch(tool, argc, argv);
    std::cout.flush();
    if (std::cout)
        return code;
    Common plain;
    Output(plain).findings(
        {environment("output", "The output could not be written.",
                     "The disk may be full, or the reader of the output may have exited.")});
    return code ? code : static_cast<int>(Failure::environment);
}

} // namespace xlp::cli
