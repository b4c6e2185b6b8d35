// SPDX-License-Identifier: GPL-2.0-only
// xlp-build inspect: what a payload holds.
#include "payload/report/inspect.h"
#include "payload/base/json.h"
#include "tools/xlp-build/verbs/verbs.h"

#include <filesystem>
#include <nlohmann/json.hpp>

namespace xlp::build {

namespace po = cli::po;

namespace {

Result<void> run_inspect(const po::variables_map& vm, const cli::Output& out, Json& doc,
                         Findings&) {
    const std::string path = vm["payload"].as<std::string>();
    auto object = elf::Object::read(path);
    if (!object)
        return fail(object);
    auto found = report::inspect(*object, std::filesystem::path(path).filename());
    if (!found)
        return fail(found);
    doc.update(*found);
    for (const std::string& line : report::to_lines(*found))
        out.text(line);
    if (vm.count("disassemble"))
        for (const std::string& line : report::disassembly(*object))
            out.text(line);
    return {};
}

} // namespace

cli::Verb inspect_verb() {
    cli::Verb v;
    v.name = "inspect";
    v.arguments = "PAYLOAD [--disassemble]";
    v.summary = "show what a payload holds";
    v.options.add_options()("payload", po::value<std::string>()->required(), "")("disassemble,d",
                                                                                 "show its code");
    v.positional = {"payload"};
    v.examples = "  xlp-build inspect xsa480.livepatch -d | less\n";
    v.run = run_inspect;
    return v;
}

} // namespace xlp::build
