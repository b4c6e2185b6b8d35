// SPDX-License-Identifier: GPL-2.0-only
// Child processes that never outlive their owner: each has a process group of its own, which is
// killed when the owning object goes, and the kernel kills the child when the thread that started
// it ends in any other way (PR_SET_PDEATHSIG).
#pragma once

#include "payload/result.h"
#include "tools/xlp-qa/descriptor.h"

#include <filesystem>
#include <string>
#include <sys/types.h>
#include <vector>

namespace xlp::qa {

class Child {
public:
    struct Options {
        std::filesystem::path folder; // working directory; empty: ours
        std::vector<int> passed;      // become descriptors 3, 4, ... of the child
        int output = -1;              // stdout and stderr; -1: /dev/null
    };

    // argv[0] is looked up in PATH. Errors: `qa.cannot_start` (environment), also when the program
    // is missing.
    static Result<Child> start(const std::vector<std::string>& argv, const Options&);

    Child(Child&& o) noexcept : pid_(o.pid_), status_(o.status_) { o.pid_ = -1; }
    Child& operator=(Child&&) = delete;
    ~Child() { end(); }

    pid_t pid() const { return pid_; } // -1 when it has ended
    int wait();                        // until it ends by itself; the status as waitpid(2) gives it
    int end();                         // kills the group, and waits

private:
    explicit Child(pid_t pid) : pid_(pid) {}
    pid_t pid_;
    int status_ = 0;
};

struct Completed {
    int status = 0; // as waitpid(2) gives it
    std::string output;
};

// Runs a program to its end and collects stdout and stderr.
Result<Completed> run_program(const std::vector<std::string>& argv);

} // namespace xlp::qa
