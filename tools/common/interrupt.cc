// SPDX-License-Identifier: GPL-2.0-only
#include "tools/common/interrupt.h"

#include "payload/base/descriptor.h"

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <thread>

namespace xlp {

namespace {

sigset_t interrupts() {
    sigset_t set;
    sigemptyset(&set);
    for (int s : {SIGINT, SIGTERM, SIGHUP})
        sigaddset(&set, s);
    return set;
}

} // namespace

struct InterruptGuard::State {
    std::stop_source source;
    sigset_t before;
    Descriptor signals, end;
    std::jthread watcher;
};

InterruptGuard::InterruptGuard() : state_(std::make_unique<State>()) {
    const sigset_t set = interrupts();
    pthread_sigmask(SIG_BLOCK, &set, &state_->before);
    state_->signals = Descriptor(signalfd(-1, &set, SFD_CLOEXEC));
    state_->end = Descriptor(eventfd(0, EFD_CLOEXEC));
    state_->watcher = std::jthread([s = state_.get()] {
        pollfd fds[2] = {{s->signals.get(), POLLIN, 0}, {s->end.get(), POLLIN, 0}};
        while (poll(fds, 2, -1) < 0 && errno == EINTR)
            ;
        // a second signal must not end us either: the children are still being ended
        if (fds[0].revents)
            s->source.request_stop();
    });
}

InterruptGuard::~InterruptGuard() {
    const std::uint64_t one = 1;
    [[maybe_unused]] ssize_t n = write(state_->end.get(), &one, sizeof one);
    state_->watcher.join();
    // a signal that came stays taken: unblocked, it would end us before anything is reported
    const timespec now{};
    const sigset_t set = interrupts();
    while (sigtimedwait(&set, nullptr, &now) > 0)
        ;
    pthread_sigmask(SIG_SETMASK, &state_->before, nullptr);
}

std::stop_token InterruptGuard::token() const {
    return state_->source.get_token();
}

} // namespace xlp
