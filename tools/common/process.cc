// SPDX-License-Identifier: GPL-2.0-only
#include "tools/common/process.h"

#include "payload/base/descriptor.h"
#include "payload/base/file.h"
#include "payload/base/parallel.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sstream>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace xlp {

namespace {

using Clock = std::chrono::steady_clock;

Finding cannot_start(const std::string& program, int error) {
    return environment("process.start",
                       fmt::format("Cannot start `{}': {}.", program, std::strerror(error)),
                       error == ENOENT ? "Install it, or specify another program." : "");
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
    std::vector<char*> p;
    p.reserve(strings.size() + 1);
    for (const std::string& s : strings)
        p.push_back(const_cast<char*>(s.c_str())); // exec's type; it does not write
    p.push_back(nullptr);
    return p;
}

// All that the child needs, made before the fork.
struct Start {
    std::vector<char*> argv, environment;
    const char* folder = nullptr;
    std::array<int, 3> standard{}; // -1: /dev/null
    const int* passed = nullptr;
    int passed_count = 0;
    pid_t parent = 0;
};

// Between fork and exec: only async-signal-safe calls. Returns only on failure.
void become(const Start& s) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != s.parent) // it died before the line above
        _exit(127);
    setpgid(0, 0);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    // first out of the way, so that no descriptor is overwritten before it is copied
    std::array<int, 16> high{};
    std::array<int, 3> standard{};
    for (int i = 0; i < s.passed_count; ++i)
        high[i] = fcntl(s.passed[i], F_DUPFD_CLOEXEC, 64);
    for (int i = 0; i < 3; ++i)
        standard[i] = s.standard[i] < 0 ? open("/dev/null", i == 0 ? O_RDONLY : O_WRONLY)
                                        : fcntl(s.standard[i], F_DUPFD_CLOEXEC, 64);
    for (int i = 0; i < 3; ++i)
        if (dup2(standard[i], i) < 0)
            return;
    for (int i = 0; i < s.passed_count; ++i)
        if (dup2(high[i], 3 + i) < 0)
            return;
    if (s.folder && chdir(s.folder) != 0)
        return;
    if (s.environment.empty())
        execvp(s.argv[0], s.argv.data());
    else
        execvpe(s.argv[0], s.argv.data(), s.environment.data());
}

struct Pipe {
    Descriptor read, write;
};

Result<Pipe> make_pipe(const std::string& program) {
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0)
        return fail(cannot_start(program, errno));
    return Pipe{Descriptor(fds[0]), Descriptor(fds[1])};
}

// Takes what there is; false at the end of the stream.
bool drain(const Descriptor& from, std::string& to) {
    char buffer[16384];
    const ssize_t n = read(from.get(), buffer, sizeof buffer);
    if (n > 0)
        to.append(buffer, static_cast<std::size_t>(n));
    return n > 0 || (n < 0 && errno == EINTR);
}

// Readable once the process has ended; invalid before Linux 5.3.
Descriptor end_of(pid_t pid) {
    return Descriptor(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
}

bool has_ended(pid_t pid) {
    siginfo_t info{};
    return waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0
           && info.si_pid == pid;
}

// Reads both streams until the program has ended and nothing more comes. What it left behind, in
// its own session perhaps, may hold the streams open for ever: that is not waited for. A requested
// stop and an expired limit end the group, gently at first.
void collect(const Child& child, Descriptor& out, Descriptor& err, Outcome& outcome,
             std::optional<Clock::time_point> expires, const std::stop_token& stop) {
    const Descriptor wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    std::stop_callback on_stop(stop, [&] {
        const std::uint64_t one = 1;
        [[maybe_unused]] ssize_t n = write(wake.get(), &one, sizeof one);
    });
    const Descriptor ended = end_of(child.pid());
    constexpr auto last_words = std::chrono::milliseconds(500),
                   tick = std::chrono::milliseconds(200);
    std::optional<Clock::time_point> kill_at, leave_at;
    auto end_gently = [&] {
        child.signal(SIGTERM);
        kill_at = Clock::now() + std::chrono::seconds(1);
    };
    for (;;) {
        if (!leave_at && has_ended(child.pid())) {
            child.signal(SIGKILL); // the rest of its group
            leave_at = Clock::now() + last_words;
        }
        if (leave_at && !out && !err)
            return;
        pollfd fds[4] = {{out.get(), POLLIN, 0},
                         {err.get(), POLLIN, 0},
                         {kill_at || leave_at ? -1 : wake.get(), POLLIN, 0},
                         {leave_at ? -1 : ended.get(), POLLIN, 0}};
        auto next = leave_at ? leave_at : kill_at ? kill_at : expires;
        if (!ended && !leave_at)
            next = std::min(next.value_or(Clock::time_point::max()), Clock::now() + tick);
        int timeout = -1;
        if (next) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(*next - Clock::now());
            timeout = static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 1 << 30));
        }
        const int ready = poll(fds, 4, timeout);
        if (ready < 0)
            continue;
        if (ready == 0 && leave_at && Clock::now() >= *leave_at)
            return;
        if (ready == 0 && kill_at && Clock::now() >= *kill_at) {
            child.signal(SIGKILL);
            kill_at = Clock::now() + std::chrono::seconds(1);
            continue;
        }
        if (ready == 0 && !leave_at && !kill_at && expires && Clock::now() >= *expires) {
            outcome.timed_out = true;
            end_gently();
            continue;
        }
        if (fds[2].revents)
            end_gently();
        if (fds[0].revents && !drain(out, outcome.out))
            out.close();
        if (fds[1].revents && !drain(err, outcome.err))
            err.close();
    }
}

} // namespace

Environment::Environment() {
    static constexpr const char* kept[] = {"PATH", "HOME", "USER", "TMPDIR"};
    static constexpr const char* kept_prefixes[] = {"CCACHE_", "SCCACHE_", "DISTCC_", "ICECC_"};
    for (char** e = environ; e && *e; ++e) {
        const std::string_view entry(*e);
        const std::string_view name = entry.substr(0, entry.find('='));
        if (std::any_of(std::begin(kept_prefixes), std::end(kept_prefixes),
                        [&](const char* p) { return name.starts_with(p); })
            || std::find(std::begin(kept), std::end(kept), name) != std::end(kept))
            entries_.emplace_back(entry);
    }
    set("LC_ALL", "C");
}

void Environment::set(const std::string& name, const std::string& value) {
    std::erase_if(entries_, [&](const std::string& e) { return e.starts_with(name + "="); });
    entries_.push_back(name + "=" + value);
}

Result<Child> Child::start(const std::vector<std::string>& argv, const ChildOptions& options) {
    // exec's errno comes back through a pipe that a successful exec closes
    auto report = make_pipe(argv.front());
    if (!report)
        return fail(report);
    const std::string folder = options.folder.string();
    Start s;
    s.argv = pointers(argv);
    if (options.environment)
        s.environment = pointers(options.environment->entries());
    s.folder = folder.empty() ? nullptr : folder.c_str();
    s.standard = {options.input, options.output, options.error};
    s.passed = options.passed.data();
    s.passed_count = static_cast<int>(options.passed.size());
    s.parent = getpid();
    const pid_t pid = fork();
    if (pid < 0)
        return fail(cannot_start(argv.front(), errno));
    if (pid == 0) {
        const int up = fcntl(report->write.get(), F_DUPFD_CLOEXEC, 128);
        become(s);
        const int error = errno;
        if (write(up, &error, sizeof error) < 0)
            _exit(126);
        _exit(127);
    }
    setpgid(pid, pid); // also here: whoever is first
    Child child(pid);
    report->write.close();
    int error = 0;
    ssize_t n;
    while ((n = read(report->read.get(), &error, sizeof error)) < 0 && errno == EINTR)
        ;
    if (n > 0)
        return fail(cannot_start(argv.front(), error));
    return child;
}

void Child::signal(int number) const {
    if (pid_ > 0)
        kill(-pid_, number);
}

int Child::wait() {
    if (pid_ > 0) {
        int status = 0;
        while (waitpid(pid_, &status, 0) < 0 && errno == EINTR)
            ;
        kill(-pid_, SIGKILL); // what it left behind in its group
        pid_ = -1;
        status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    return status_;
}

int Child::end() {
    signal(SIGKILL);
    return wait();
}

Jobs offered_jobs() {
    const char* makeflags = std::getenv("MAKEFLAGS");
    return Jobs::offered(makeflags ? makeflags : "", std::thread::hardware_concurrency());
}

void share(Command& command, const Jobs& jobs) {
    if (!jobs.is_shared())
        return;
    command.passed = jobs.descriptors();
    command.environment->set("MAKEFLAGS", jobs.makeflags());
}

Result<Outcome> run_command(const Command& command, const std::stop_token& stop) {
    if (stop.stop_requested())
        return fail(interrupted());
    auto in = make_pipe(command.argv.front());
    auto out = make_pipe(command.argv.front());
    auto err = make_pipe(command.argv.front());
    for (auto* pipe : {&in, &out, &err})
        if (!*pipe)
            return fail(*pipe);
    if (!command.output.empty()) {
        out->write = Descriptor(
            open(command.output.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
        if (!out->write)
            return fail(unwritable(command.output, errno));
    }
    // one pipe's worth fits without a reader
    fcntl(in->write.get(), F_SETFL, O_NONBLOCK);
    if (!command.input.empty()
        && write(in->write.get(), command.input.data(), command.input.size())
               != static_cast<ssize_t>(command.input.size()))
        return fail(internal_fault("internal", "A program's input does not fit a pipe."));

    std::optional<Clock::time_point> expires;
    if (command.limit)
        expires = Clock::now() + *command.limit;
    auto child = Child::start(command.argv, {.folder = command.directory,
                                             .environment = command.environment,
                                             .passed = command.passed,
                                             .input = in->read.get(),
                                             .output = out->write.get(),
                                             .error = err->write.get()});
    if (!child)
        return fail(child);
    for (Descriptor* ours : {&in->read, &in->write, &out->write, &err->write})
        ours->close();
    Outcome outcome;
    collect(*child, out->read, err->read, outcome, expires, stop);
    outcome.status = child->wait();
    if (stop.stop_requested())
        return fail(interrupted());
    return outcome;
}

std::vector<std::string> words(std::string_view text) {
    std::istringstream in{std::string(text)};
    std::vector<std::string> list;
    for (std::string word; in >> word;)
        list.push_back(word);
    return list;
}

} // namespace xlp
