// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-build/verbs/supersede.h"

#include "payload/base/bytes.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <set>

namespace xlp::build {

namespace fs = std::filesystem;

Result<Superseded> read_superseded(const cli::po::variables_map& vm) {
    Superseded all;
    if (!vm.count("supersedes"))
        return all;
    for (const std::string& given : vm["supersedes"].as<std::vector<std::string>>()) {
        std::error_code error;
        if (fs::exists(given, error)) {
            auto m = manifest::describe_file(given);
            if (!m)
                return fail(m);
            all.build_ids.push_back(m->build_id);
            all.payloads.push_back(std::move(*m));
        } else if (auto id = from_hex(given); id && !id->empty()) {
            all.build_ids.push_back(hex(*id));
        } else {
            return fail(wrong_usage(fmt::format(
                "--supersedes takes a payload or a hexadecimal build-id; `{}' is neither.",
                given)));
        }
    }
    return all;
}

Findings check_superseded(const Superseded& all, const std::vector<std::string>& advisories,
                          const pipeline::Assembly& assembly) {
    std::set<std::string> replaced;
    for (const diff::Included& i : assembly.selection.items)
        if (!i.old_name.empty()) {
            replaced.insert(i.old_name);
            for (const diff::OldCode& old : i.also)
                replaced.insert(old.name);
        }
    Findings found;
    for (const manifest::Manifest& m : all.payloads) {
        std::vector<std::string> functions, unclaimed;
        for (const std::string& f : m.functions)
            // with a mark: it was brought by a payload below that one
            if (!replaced.contains(f) && xen::unmarked_name(f) == f)
                functions.push_back(f);
        for (const std::string& a : m.advisories)
            if (std::find(advisories.begin(), advisories.end(), a) == advisories.end())
                unclaimed.push_back(a);
        if (!functions.empty())
            found.push_back(
                warning("supersede.function",
                        fmt::format("It replaces {}; the payload that supersedes it does not.",
                                    fmt::join(functions, ", ")),
                        "Check that all of its patches were given.", {.file = m.file}));
        if (!unclaimed.empty())
            found.push_back(warning(
                "supersede.advisory",
                fmt::format("It fixes {}; the payload that supersedes it does not claim to.",
                            fmt::join(unclaimed, ", ")),
                "Specify the advisory (--advisory).", {.file = m.file}));
    }
    return found;
}

} // namespace xlp::build
