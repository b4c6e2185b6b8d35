// SPDX-License-Identifier: GPL-2.0-only
#include "tools/common/interrupt.h"
#include "tools/xlp/verbs/compat.h"
#include "tools/xlp/verbs/verbs.h"

#include <csignal>
#include <filesystem>
#include <syslog.h>

int main(int argc, char** argv) {
    using namespace xlp;
    // a signal must not end us between two steps: what was begun is undone first
    const InterruptGuard interrupts;
    host::SystemClock clock(interrupts.token());
    ::openlog("xlp", LOG_PID, LOG_DAEMON);
    const host::Paths paths;
    const host::Machine machine{
        host::connect, clock, paths,
        [&paths](const host::Event& event) { host::leave_trail(paths, event); },
        interrupts.token()};
    const bool old_name = argc > 0 && std::filesystem::path(argv[0]).filename() == "xen-livepatch";
    const int code = old_name ? host::run_xen_livepatch(machine, argc, argv)
                              : cli::run(host::tool(machine), argc, argv);
    return code && interrupts.token().stop_requested() ? 128 + SIGINT : code;
}
