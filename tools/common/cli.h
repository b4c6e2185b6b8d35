// SPDX-License-Identifier: GPL-2.0-only
// What all three tools share of the command line: `TOOL VERB [OPTIONS] ARGUMENTS`, the common
// options, how findings and documents reach the user.
#pragma once

#include "payload/base/result.h"

#include <boost/program_options.hpp>
#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

// Compiled once, in cli.cc: every verb has options of these types.
extern template class boost::program_options::typed_value<std::string>;
extern template class boost::program_options::typed_value<unsigned>;

namespace xlp::cli {

namespace po = boost::program_options;
using Json = nlohmann::ordered_json;

const char* version(); // "0.1.0"

enum class Color { automatic, always, never };

// The options that every verb accepts.
struct Common {
    bool json = false;
    bool quiet = false;
    int verbose = 0; // number of -v
    Color color = Color::automatic;
};

// An option's words; nothing if it is not given.
std::string text(const po::variables_map&, const char* option);
std::vector<std::string> strings(const po::variables_map&, const char* option);

// Where a verb's results go. With --json, exactly one document reaches stdout and text results are
// dropped; without, text goes to stdout and findings to stderr. Not thread-safe.
class Output {
public:
    explicit Output(Common common) : common_(common) {}

    const Common& common() const { return common_; }
    bool json() const { return common_.json; }
    bool verbose() const { return common_.verbose > 0; }

    void text(const std::string& line) const;     // result; dropped with --json or --quiet
    void detail(const std::string& line) const;   // only with -v, on stderr
    void progress(const std::string& line) const; // a line redrawn in place; only on a terminal
    void progress_end() const;
    void findings(const Findings&) const; // on stderr; notes only with -v; nothing with --json
    // The document of --json: `doc` plus "tool", "version", "exit_code" and "findings".
    void document(const Json& doc, const Findings&, Failure) const;

private:
    bool stderr_color() const;
    Common common_;
    mutable bool drawn_ = false; // a line of progress is on the terminal
};

// stderr goes to systemd's journal: findings carry priorities then, and no colour.
bool stderr_is_journal();

Json to_json(const Finding&);
Json to_json(const Findings&);

// One verb of a tool.
struct Verb {
    std::string name;
    std::string arguments; // as shown in help: "PAYLOAD --xen-syms FILE"
    std::string summary;   // one line
    po::options_description options;
    std::vector<std::string> positional; // names of positional options in order; the last one
                                         // takes the rest when it ends in "..."
    std::string examples;                // shown by --help
    // Runs the verb. `doc` is what --json prints; fill it also on failure as far as known.
    std::function<Result<void>(const po::variables_map&, const Output&, Json& doc,
                               Findings& findings)>
        run;
    // Only where other programs expect codes of their own, such as monitoring plugins.
    std::function<int(const po::variables_map&, const Json& doc, Failure)> exit_code = {};
    // What --base stands for (tools/common/base.h): options, and the roles of the base's files.
    std::map<std::string, std::string> base_files = {};
};

// The verb with --base.
Verb with_base(Verb, std::map<std::string, std::string> base_files);

struct Tool {
    std::string name;
    std::string summary;
    std::vector<Verb> verbs;
};

// Parses, dispatches, reports; the whole of a tool's main. Returns the exit code. Findings that a
// verb returns as its error and those it put into `findings` are all reported; the exit code is
// that of failure_of(all).
int run(const Tool&, int argc, char** argv);

} // namespace xlp::cli
