// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-qa/verbs/verbs.h"

#include <csignal>
#include <sys/signalfd.h>
#include <unistd.h>

// SIGINT and its like become something to read, which every wait in the tool watches: QEMU is ended
// and temporary files are removed on the ordinary way out. Then the signal does its usual work, so
// that a calling shell sees it.
int main(int argc, char** argv) {
    sigset_t signals;
    sigemptyset(&signals);
    for (int s : {SIGINT, SIGTERM, SIGHUP})
        sigaddset(&signals, s);
    sigprocmask(SIG_BLOCK, &signals, nullptr);
    const int cancel = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);

    const int code = xlp::cli::run(xlp::qa::make_tool(cancel), argc, argv);

    signalfd_siginfo caught{};
    if (read(cancel, &caught, sizeof caught) == sizeof caught) {
        const int number = static_cast<int>(caught.ssi_signo);
        std::signal(number, SIG_DFL);
        std::raise(number);
        sigprocmask(SIG_UNBLOCK, &signals, nullptr);
    }
    return code;
}
