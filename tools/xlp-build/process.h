// SPDX-License-Identifier: GPL-2.0-only
// Child processes: one at a time or a pool of them, each in a process group of its own, so that a
// cancelled build leaves none behind.
#pragma once

#include "payload/result.h"

#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace xlp::build {

// What every child sees of our environment: a fixed set of names (PATH, HOME, those of compiler
// caches) and LC_ALL=C, never MAKEFLAGS or CFLAGS of the caller's, so that the same input gives the
// same bytes.
class Environment {
public:
    Environment();
    void set(const std::string& name, const std::string& value);
    const std::vector<std::string>& entries() const { return entries_; } // "NAME=value"

private:
    std::vector<std::string> entries_;
};

struct Command {
    std::vector<std::string> argv = {};   // argv[0] is looked up in PATH
    std::filesystem::path directory = {}; // where it runs; empty: where we do
    Environment environment = {};
    std::filesystem::path output = {}; // receives stdout; empty: kept in Outcome::out
    std::string input = {};            // stdin; a pipe's worth (64 KiB) at most
};

struct Outcome {
    int status = 0; // exit status, or 128 + signal
    std::string out;
    std::string err;

    bool ok() const { return status == 0; }
};

// Runs `command` to its end. When `stop` is requested its whole process group is ended first by
// SIGTERM (a compiler driver then removes its temporary files), after a second by SIGKILL.
// Errors: the program cannot be started (`process.start`), or `interrupted`.
Result<Outcome> run(const Command& command, const std::stop_token& stop);

// What a stopped operation returns.
Finding interrupted();

// Runs `work(i)` for every i < count on up to `jobs` threads. Goes on after a failure, so that
// every reason is found, but starts nothing more once `stop` is requested. Returns all failures in
// the order of i.
Result<void> for_each(std::size_t count, unsigned jobs, const std::stop_token& stop,
                      const std::function<Result<void>(std::size_t)>& work);

// Splits what a user gives as a command ("ccache gcc -m64") into words, at white space.
std::vector<std::string> words(std::string_view text);

// While it lives, SIGINT, SIGTERM and SIGHUP request a stop instead of ending the process. Make it
// before any thread, as the threads inherit its signal mask.
class InterruptGuard {
public:
    InterruptGuard();
    ~InterruptGuard();
    InterruptGuard(const InterruptGuard&) = delete;
    InterruptGuard& operator=(const InterruptGuard&) = delete;

    std::stop_token token() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace xlp::build
