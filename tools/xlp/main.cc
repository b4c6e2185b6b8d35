// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/verbs/compat.h"
#include "tools/xlp/verbs/verbs.h"

#include <filesystem>
#include <syslog.h>

int main(int argc, char** argv) {
    using namespace xlp;
    host::SystemClock clock;
    ::openlog("xlp", LOG_PID, LOG_DAEMON);
    // each change leaves a trace in the system's log; a service's stderr is that already
    const auto log = [](const std::string& line) { ::syslog(LOG_NOTICE, "%s", line.c_str()); };
    const bool service = cli::stderr_is_journal();
    const host::Machine machine{
        host::connect, clock, {}, service ? decltype(host::Machine::log)() : log};
    if (argc > 0 && std::filesystem::path(argv[0]).filename() == "xen-livepatch")
        return host::run_xen_livepatch(machine, argc, argv);
    return cli::run(host::tool(machine), argc, argv);
}
