// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-build/process.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <mutex>
#include <optional>
#include <poll.h>
#include <spawn.h>
#include <sstream>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace xlp::build {

namespace {

using Clock = std::chrono::steady_clock;

class Descriptor {
public:
    explicit Descriptor(int fd = -1) : fd_(fd) {}
    ~Descriptor() { close(); }
    Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        close();
        fd_ = std::exchange(other.fd_, -1);
        return *this;
    }
    int get() const { return fd_; }
    bool open() const { return fd_ >= 0; }
    void close() {
        if (fd_ >= 0)
            ::close(fd_);
        fd_ = -1;
    }

private:
    int fd_;
};

struct Pipe {
    Descriptor read, write;
};

Result<Pipe> make_pipe() {
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0)
        return fail(environment("process.start",
                                fmt::format("No pipe can be made: {}.", std::strerror(errno))));
    return Pipe{Descriptor(fds[0]), Descriptor(fds[1])};
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
    std::vector<char*> p;
    p.reserve(strings.size() + 1);
    for (const std::string& s : strings)
        p.push_back(const_cast<char*>(s.c_str())); // posix_spawn does not write to them
    p.push_back(nullptr);
    return p;
}

Finding cannot_start(const Command& command, int error) {
    return environment(
        "process.start",
        fmt::format("`{}' cannot be started: {}.", command.argv.front(), std::strerror(error)),
        error == ENOENT ? "Install it, or name another." : "");
}

// The child with its ends of the pipes; it leads a new process group and has no signal blocked.
Result<pid_t> spawn(const Command& command, int in, int out, int err) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
    if (!command.directory.empty())
        posix_spawn_file_actions_addchdir_np(&actions, command.directory.c_str());
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    pid_t pid = -1;
    int error =
        posix_spawnp(&pid, command.argv.front().c_str(), &actions, &attributes,
                     pointers(command.argv).data(), pointers(command.environment.entries()).data());
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (error)
        return fail(cannot_start(command, error));
    return pid;
}

// Takes what there is; false at the end of the stream.
bool drain(const Descriptor& from, std::string& to) {
    char buffer[16384];
    ssize_t n = read(from.get(), buffer, sizeof buffer);
    if (n > 0)
        to.append(buffer, static_cast<std::size_t>(n));
    return n > 0 || (n < 0 && errno == EINTR);
}

// Reads both streams to their end. A requested stop ends the group, gently at first.
void collect(pid_t pid, Descriptor& out, Descriptor& err, Outcome& outcome,
             const std::stop_token& stop) {
    Descriptor wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    std::stop_callback on_stop(stop, [&] {
        const std::uint64_t one = 1;
        [[maybe_unused]] ssize_t n = write(wake.get(), &one, sizeof one);
    });
    std::optional<Clock::time_point> kill_at;
    while (out.open() || err.open()) {
        pollfd fds[3] = {
            {out.get(), POLLIN, 0}, {err.get(), POLLIN, 0}, {kill_at ? -1 : wake.get(), POLLIN, 0}};
        int timeout = -1;
        if (kill_at) {
            auto left = std::chrono::ceil<std::chrono::milliseconds>(*kill_at - Clock::now());
            timeout = static_cast<int>(std::max<std::int64_t>(0, left.count()));
        }
        int ready = poll(fds, 3, timeout);
        if (ready < 0)
            continue;
        if (ready == 0) {
            kill(-pid, SIGKILL);
            kill_at = Clock::now() + std::chrono::seconds(1);
            continue;
        }
        if (fds[2].revents) {
            kill(-pid, SIGTERM);
            kill_at = Clock::now() + std::chrono::seconds(1);
        }
        if (fds[0].revents && !drain(out, outcome.out))
            out.close();
        if (fds[1].revents && !drain(err, outcome.err))
            err.close();
    }
}

int wait_for(pid_t pid) {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

} // namespace

Environment::Environment() {
    static constexpr const char* kept[] = {"PATH", "HOME", "USER", "TMPDIR"};
    for (char** e = environ; e && *e; ++e) {
        std::string_view entry(*e);
        std::string_view name = entry.substr(0, entry.find('='));
        if (name.starts_with("CCACHE_") || name.starts_with("SCCACHE_")
            || std::find(std::begin(kept), std::end(kept), name) != std::end(kept))
            entries_.emplace_back(entry);
    }
    set("LC_ALL", "C");
}

void Environment::set(const std::string& name, const std::string& value) {
    std::erase_if(entries_, [&](const std::string& e) { return e.starts_with(name + "="); });
    entries_.push_back(name + "=" + value);
}

Finding interrupted() {
    return environment("interrupted", "The work was interrupted; nothing was written.");
}

Result<Outcome> run(const Command& command, const std::stop_token& stop) {
    if (stop.stop_requested())
        return fail(interrupted());
    auto in = make_pipe();
    auto out = make_pipe();
    auto err = make_pipe();
    for (const auto* pipe : {&in, &out, &err})
        if (!*pipe)
            return fail(pipe->error());
    if (!command.output.empty()) {
        out->write = Descriptor(
            open(command.output.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
        if (!out->write.open())
            return fail(environment(
                "file.write", fmt::format("The file cannot be written: {}.", std::strerror(errno)),
                {}, {.file = command.output}));
    }
    // one pipe's worth fits without a reader
    fcntl(in->write.get(), F_SETFL, O_NONBLOCK);
    if (!command.input.empty()
        && write(in->write.get(), command.input.data(), command.input.size())
               != static_cast<ssize_t>(command.input.size()))
        return fail(internal_fault("internal", "A program's input does not fit a pipe."));

    auto pid = spawn(command, in->read.get(), out->write.get(), err->write.get());
    if (!pid)
        return fail(pid.error());
    for (Descriptor* ours : {&in->read, &in->write, &out->write, &err->write})
        ours->close();
    Outcome outcome;
    collect(*pid, out->read, err->read, outcome, stop);
    outcome.status = wait_for(*pid);
    if (stop.stop_requested()) {
        kill(-*pid, SIGKILL); // whoever of the group closed its streams and stayed
        return fail(interrupted());
    }
    return outcome;
}

Result<void> for_each(std::size_t count, unsigned jobs, const std::stop_token& stop,
                      const std::function<Result<void>(std::size_t)>& work) {
    std::vector<Findings> failures(count);
    std::atomic<std::size_t> next = 0;
    auto worker = [&] {
        for (std::size_t i; (i = next++) < count && !stop.stop_requested();)
            if (auto r = work(i); !r)
                failures[i] = std::move(r.error());
    };
    {
        std::vector<std::jthread> threads;
        const std::size_t n = std::min<std::size_t>(std::max(1u, jobs), count);
        for (std::size_t i = 1; i < n; ++i)
            threads.emplace_back(worker);
        worker();
    }
    if (stop.stop_requested())
        return fail(interrupted());
    Findings all;
    for (Findings& f : failures)
        append(all, std::move(f));
    if (!all.empty())
        return fail(std::move(all));
    return {};
}

std::vector<std::string> words(std::string_view text) {
    std::istringstream in{std::string(text)};
    std::vector<std::string> list;
    for (std::string word; in >> word;)
        list.push_back(word);
    return list;
}

struct InterruptGuard::State {
    std::stop_source source;
    sigset_t before;
    Descriptor signals, end;
    std::jthread watcher;
};

InterruptGuard::InterruptGuard() : state_(std::make_unique<State>()) {
    sigset_t set;
    sigemptyset(&set);
    for (int s : {SIGINT, SIGTERM, SIGHUP})
        sigaddset(&set, s);
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
    timespec now{};
    sigset_t set;
    sigemptyset(&set);
    for (int s : {SIGINT, SIGTERM, SIGHUP})
        sigaddset(&set, s);
    while (sigtimedwait(&set, nullptr, &now) > 0)
        ;
    pthread_sigmask(SIG_SETMASK, &state_->before, nullptr);
}

std::stop_token InterruptGuard::token() const {
    return state_->source.get_token();
}

} // namespace xlp::build
