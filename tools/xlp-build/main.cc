// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-build/base/options.h"
#include "tools/xlp-build/verbs/verbs.h"

#include <algorithm>
#include <nlohmann/json.hpp>

int main(int argc, char** argv) {
    using namespace xlp::build;
    namespace cli = xlp::cli;
    std::vector<std::string> words(argv, argv + argc);
    auto expanded = expand_base(words);
    if (!expanded) {
        cli::Common common;
        common.json = std::find(words.begin(), words.end(), "--json") != words.end();
        const xlp::Failure failure = xlp::failure_of(expanded.error());
        cli::Output(common).findings(expanded.error());
        cli::Output(common).document(cli::Json::object(), expanded.error(), failure);
        return static_cast<int>(failure);
    }
    std::vector<char*> arguments;
    for (std::string& w : *expanded)
        arguments.push_back(w.data());
    arguments.push_back(nullptr);
    return cli::run({"xlp-build",
                     "build live patches for the Xen hypervisor",
                     {with_base(payload_verb()), with_base(diff_verb()), with_base(verify_verb()),
                      inspect_verb(), sign_verb(), with_base(report_verb()),
                      with_base(units_verb()), base_verb(), recipe_verb(), matrix_verb()}},
                    static_cast<int>(expanded->size()), arguments.data());
}
