// SPDX-License-Identifier: GPL-2.0-only
// What the verbs work with: the machine they run on, and the options that all of them share.
#pragma once

#include "payload/base/json.h"
#include "payload/base/result.h"
#include "tools/common/cli.h"
#include "tools/xlp/disk/lock.h"
#include "tools/xlp/disk/paths.h"
#include "tools/xlp/executor/clock.h"
#include "tools/xlp/executor/executor.h"
#include "tools/xlp/hypervisor/connect.h"
#include "tools/xlp/hypervisor/hypervisor.h"
#include "tools/xlp/verbs/operator.h"

#include <filesystem>
#include <functional>
#include <memory>

namespace xlp::host {

// The machine. The tests put a scripted hypervisor and a folder of their own in its place.
struct Machine {
    std::function<Result<std::unique_ptr<Hypervisor>>(Via)> connect;
    Clock& clock;
    Paths paths = {};
    // keeps a trace of every change: the system's log
    std::function<void(const std::string&)> log = {};
};

// Options of verbs that talk to the hypervisor, and of those that change something there.
void add_connection_options(cli::po::options_description&);
void add_action_options(cli::po::options_description&);

// How to reach the hypervisor, how long to try, and who hears of it.
struct Settings {
    Via via = Via::automatic;
    Limits limits = {};
    std::filesystem::path lock = {}; // empty: the machine's
    Nanoseconds lock_patience = std::chrono::seconds(10);
    std::function<void(const std::string&)> say = {}; // progress, for people who watch
};

// From the options above. `out` must outlive what is opened with it.
Result<Settings> read_settings(const cli::po::variables_map&, const cli::Output& out);

// "30ms", "500us", "30000000ns", "2s"; a bare number is milliseconds. Usage finding otherwise.
Result<Nanoseconds> parse_duration(const std::string&);

// A connection, who answered, and the operator over it.
struct Session {
    std::unique_ptr<Hypervisor> xen;
    Identity identity;
    std::unique_ptr<Operator> op;
};

Result<Session> open_session(const Machine&, const Settings&);

// A session that may change the host: holds its lock.
struct Operation {
    Lock lock;
    Session session;
    std::unique_ptr<Executor> executor;
};

Result<Operation> open_operation(const Machine&, const Settings&);

// "xen": version, build-id, transport; for every document.
Json describe(const Session&);

} // namespace xlp::host
