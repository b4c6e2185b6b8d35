// SPDX-License-Identifier: GPL-2.0-only
// `xen-livepatch`: the arguments, words and exit codes of the tool that comes with Xen
// (tools/misc/xen-livepatch.c), for the scripts that call it and parse its output.
#pragma once

#include "tools/xlp/verbs/session.h"

namespace xlp::host {

// Exit code: 0 done, 1 error, 2 busy or unfinished, so try again.
int run_xen_livepatch(const Machine&, int argc, char** argv);

} // namespace xlp::host
