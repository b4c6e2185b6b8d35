// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-build/verbs/verbs.h"

int main(int argc, char** argv) {
    using namespace xlp::build;
    return xlp::cli::run({"xlp-build",
                          "build live patches for the Xen hypervisor",
                          {payload_verb(), diff_verb(), verify_verb(), inspect_verb(), sign_verb(),
                           report_verb(), units_verb(), base_verb(), recipe_verb(), matrix_verb()}},
                         argc, argv);
}
