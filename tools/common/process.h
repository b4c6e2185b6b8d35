// SPDX-License-Identifier: GPL-2.0-only
// Child processes that never outlive their owner: each leads a process group of its own, which is
// ended when the owner goes or is cancelled, and the kernel kills the child when the thread that
// started it ends in any other way (PR_SET_PDEATHSIG).
#pragma once

#include "payload/base/jobs.h"
#include "payload/base/result.h"

#include <chrono>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace xlp {

// What a child sees of our environment when the same input must give the same bytes: a fixed set of
// names (PATH, HOME, USER, TMPDIR, those of compiler caches and distributors) and LC_ALL=C, never
// the caller's MAKEFLAGS or CFLAGS.
class Environment {
public:
    Environment();
    void set(const std::string& name, const std::string& value);
    const std::vector<std::string>& entries() const { return entries_; } // "NAME=value"

private:
    std::vector<std::string> entries_;
};

struct ChildOptions {
    std::filesystem::path folder = {};           // working directory; empty: ours
    std::optional<Environment> environment = {}; // nothing: ours
    std::vector<int> passed = {};                // become descriptors 3, 4, ...; 16 at most
    int input = -1, output = -1, error = -1;     // -1: /dev/null
};

class Child {
public:
    // argv[0] is looked up in PATH. Errors: `process.start` (environment), also when the program
    // is missing.
    static Result<Child> start(const std::vector<std::string>& argv, const ChildOptions&);

    Child(Child&& o) noexcept : pid_(o.pid_), status_(o.status_) { o.pid_ = -1; }
    Child& operator=(Child&&) = delete;
    ~Child() { end(); }

    pid_t pid() const { return pid_; } // -1 once it has ended
    // Until it ends by itself, then kills what it left in its group. The exit status, or
    // 128 + signal.
    int wait();
    void signal(int number) const; // to the whole group
    int end();                     // kills the group, and waits

private:
    explicit Child(pid_t pid) : pid_(pid) {}
    pid_t pid_;
    int status_ = 0;
};

struct Command {
    std::vector<std::string> argv = {};   // argv[0] is looked up in PATH
    std::filesystem::path directory = {}; // where it runs; empty: where we do
    std::optional<Environment> environment = Environment();
    std::filesystem::path output = {}; // receives stdout; empty: kept in Outcome::out
    std::string input = {};            // stdin; a pipe's worth (64 KiB) at most
    std::vector<int> passed = {};      // become descriptors 3, 4, ...
    std::optional<std::chrono::milliseconds> limit = {}; // ended as by a stop when it is over
};

struct Outcome {
    int status = 0; // exit status, or 128 + signal
    std::string out;
    std::string err;
    bool timed_out = false;

    bool ok() const { return status == 0 && !timed_out; }
};

// As many jobs as there are processors; fewer if the make that started us shares its own with us.
Jobs offered_jobs();
// Lets `command` take part in a budget; nothing changes if that is not shared.
void share(Command& command, const Jobs& jobs);

// Runs `command` to its end; what it leaves running in its group is killed, and descendants that
// keep its output open are not waited for. When `stop` is requested its whole process group is
// ended first by SIGTERM (a compiler driver then removes its temporary files), after a second by
// SIGKILL. Errors: the program cannot be started (`process.start`), or `interrupted`.
Result<Outcome> run_command(const Command& command, const std::stop_token& stop);

// Splits what a user gives as a command ("ccache gcc -m64") into words, at white space.
std::vector<std::string> words(std::string_view text);

} // namespace xlp
