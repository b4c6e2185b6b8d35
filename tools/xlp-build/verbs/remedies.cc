// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-build/verbs/remedies.h"

#include <string_view>

namespace xlp::build {

namespace {

struct Hint {
    std::string_view concept_; // as a remedy says it
    std::string_view option;
    std::string_view code = {}; // only for findings whose codes begin so
};

// More than one may fit.
constexpr Hint hints[] = {
    {"source, configuration and symbol file", "--source, --config, --xen-syms"},
    {"source and symbol file", "--source, --xen-syms"},
    {"configuration of this exact hypervisor", "--config"},
    {"Compile with", "--cc", "match."},
    {"allow this refusal", "--allow CODE:NAME"},
    {"eave it out", "--leave-out FUNCTION"},
    {"bind it to the hypervisor's", "--bind NEW=OLD"},
    {"Specify the version", "--xen-version"},
    {"Specify the payload below", "--below FILE"},
};

} // namespace

void name_options(Findings& findings) {
    for (Finding& f : findings)
        for (const Hint& h : hints)
            if (f.remedy.find(h.concept_) != f.remedy.npos && f.code.starts_with(h.code)) {
                std::string option(h.option);
                if (const auto at = option.find("CODE:NAME"); at != option.npos)
                    option = option.substr(0, at) + f.code
                             + (f.where.function.empty() ? "" : ":" + f.where.function);
                f.remedy += " (" + option + ")";
            }
}

cli::Verb with_options_named(cli::Verb verb) {
    verb.run = [run = std::move(verb.run)](const cli::po::variables_map& vm, const cli::Output& out,
                                           cli::Json& doc, Findings& findings) -> Result<void> {
        auto result = run(vm, out, doc, findings);
        name_options(findings);
        if (!result)
            name_options(result.error());
        return result;
    };
    return verb;
}

} // namespace xlp::build
