// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-qa/process.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace xlp::qa {

namespace {

Finding cannot_start(const std::string& program, int error) {
    return environment("qa.cannot_start",
                       fmt::format("`{}' cannot be started: {}.", program, strerror(error)),
                       "Install it, or see that it is in PATH.");
}

// Between fork and exec: only async-signal-safe calls. Returns only on failure.
void become(char* const* argv, const char* folder, const int* passed, int count, int output,
            pid_t parent) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) // it died before the line above
        _exit(127);
    setpgid(0, 0);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    // first out of the way, so that no descriptor is overwritten before it is copied
    std::array<int, 16> high{};
    for (int i = 0; i < count; ++i)
        high[i] = fcntl(passed[i], F_DUPFD_CLOEXEC, 64);
    int out = output < 0 ? open("/dev/null", O_WRONLY) : fcntl(output, F_DUPFD_CLOEXEC, 64);
    int in = open("/dev/null", O_RDONLY);
    if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
        return;
    for (int i = 0; i < count; ++i)
        if (dup2(high[i], 3 + i) < 0)
            return;
    if (folder && chdir(folder) != 0)
        return;
    execvp(argv[0], argv);
}

} // namespace

Result<Child> Child::start(const std::vector<std::string>& argv, const Options& options) {
    std::vector<char*> args;
    args.reserve(argv.size() + 1);
    for (const std::string& a : argv)
        args.push_back(const_cast<char*>(a.c_str())); // execvp's type; it does not write
    args.push_back(nullptr);
    // exec's errno comes back through a pipe that a successful exec closes
    int report[2];
    if (pipe2(report, O_CLOEXEC) != 0)
        return fail(cannot_start(argv[0], errno));
    Descriptor reader(report[0]), writer(report[1]);
    const std::string folder = options.folder.string();
    const int count = static_cast<int>(options.passed.size());
    const pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0)
        return fail(cannot_start(argv[0], errno));
    if (pid == 0) {
        int up = fcntl(writer.get(), F_DUPFD_CLOEXEC, 128);
        become(args.data(), folder.empty() ? nullptr : folder.c_str(), options.passed.data(), count,
               options.output, parent);
        int error = errno;
        if (write(up, &error, sizeof error) < 0)
            _exit(126);
        _exit(127);
    }
    setpgid(pid, pid); // also here: whoever is first
    Child child(pid);
    writer.reset();
    int error = 0;
    ssize_t n;
    while ((n = read(reader.get(), &error, sizeof error)) < 0 && errno == EINTR)
        ;
    if (n > 0)
        return fail(cannot_start(argv[0], error));
    return child;
}

int Child::wait() {
    if (pid_ > 0) {
        while (waitpid(pid_, &status_, 0) < 0 && errno == EINTR)
            ;
        kill(-pid_, SIGKILL); // what it left behind in its group
        pid_ = -1;
    }
    return status_;
}

int Child::end() {
    if (pid_ > 0)
        kill(-pid_, SIGKILL);
    return wait();
}

Result<Completed> run_program(const std::vector<std::string>& argv) {
    Descriptor output(memfd_create("output", MFD_CLOEXEC));
    if (output.get() < 0)
        return fail(cannot_start(argv[0], errno));
    Child::Options options;
    options.output = output.get();
    auto child = Child::start(argv, options);
    if (!child)
        return fail(child.error());
    Completed done;
    done.status = child->wait();
    off_t size = lseek(output.get(), 0, SEEK_END);
    done.output.resize(static_cast<std::size_t>(std::max<off_t>(size, 0)));
    ssize_t n = pread(output.get(), done.output.data(), done.output.size(), 0);
    done.output.resize(static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    return done;
}

} // namespace xlp::qa
