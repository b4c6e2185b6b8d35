// SPDX-License-Identifier: GPL-2.0-only
// What the verbs work with: the machine they run on, and the options that all of them share.
#pragma once

#include "payload/base/json.h"
#include "payload/base/result.h"
#include "tools/common/cli.h"
#include "tools/xlp/disk/config.h"
#include "tools/xlp/disk/lock.h"
#include "tools/xlp/disk/paths.h"
#include "tools/xlp/executor/clock.h"
#include "tools/xlp/executor/executor.h"
#include "tools/xlp/executor/operator.h"
#include "tools/xlp/executor/trail.h"
#include "tools/xlp/hypervisor/connect.h"
#include "tools/xlp/hypervisor/hypervisor.h"
#include "tools/xlp/plan/trust.h"

#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>

namespace xlp::host {

// The machine. The tests put a scripted hypervisor and a folder of their own in its place.
struct Machine {
    std::function<Result<std::unique_ptr<Hypervisor>>(Via)> connect;
    Clock& clock;
    Paths paths = {};
    Trail trail = {};          // what was changed, for the system's journal
    std::stop_token stop = {}; // somebody asked to end: what was begun is undone first
};

// Options of verbs that talk to the hypervisor, and of those that change something there.
void add_connection_options(cli::po::options_description&);
void add_action_options(cli::po::options_description&);

// How to reach the hypervisor, how long to try, and who hears of it.
struct Settings {
    Via via = Via::automatic;
    Limits limits = {};
    std::filesystem::path lock = {};  // empty: the machine's
    std::filesystem::path store = {}; // likewise
    Nanoseconds lock_patience = std::chrono::seconds(10);
    std::function<void(const std::string&)> say = {}; // progress, for people who watch
    std::chrono::milliseconds health_limit = std::chrono::seconds(30);
};

// From the options above. `out` must outlive what is opened with it.
Result<Settings> read_settings(const Config&, const cli::po::variables_map&,
                               const cli::Output& out);

// What every verb starts with: the configuration, whom to trust, and the settings.
struct Prelude {
    Config config;
    Trust trust;
    Settings settings;
};
Result<Prelude> read_prelude(const Machine&, const cli::po::variables_map&, const cli::Output& out);

// For verbs that must work whatever the configuration is like: a fault in it is a warning, and the
// defaults are taken.
Result<Settings> settings_anyway(const Machine&, const cli::po::variables_map&,
                                 const cli::Output& out, Findings& findings);

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
    Findings notes; // what was found out on the way, such as a crash before this boot
};

Result<Operation> open_operation(const Machine&, const Settings&);

// "cost": what the operation's rendezvous cost the host.
Json cost_of(const Session&);

// "xen": version, build-id, transport; for every document.
Json describe(const Session&);

} // namespace xlp::host
