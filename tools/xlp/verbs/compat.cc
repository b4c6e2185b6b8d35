// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/verbs/compat.h"

#include "tools/xlp/hypervisor/names.h"
#include "tools/xlp/plan/blob.h"
#include "tools/xlp/plan/bundle.h"
#include "tools/xlp/plan/preflight.h"
#include "tools/xlp/plan/trust.h"
#include "tools/xlp/verbs/offered.h"
#include "tools/xlp/verbs/verbs.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <iostream>
#include <optional>

namespace xlp::host {
namespace {

constexpr int ok = 0, failed = 1, again = 2;

using Words = std::vector<std::string>;

void help() {
    std::cerr << "xen-livepatch: live patching tool (xlp " << cli::version() << ")\n"
              << "Usage: xen-livepatch [--force] <command> [args] [command-flags]\n"
                 "  help                     this help\n"
                 "  list                     list the uploaded payloads\n"
                 "  upload <name> <file>     upload <file> as <name> (up to 127 bytes)\n"
                 "  apply <name> [--nodeps]  apply <name>\n"
                 "  revert <name>            revert <name>\n"
                 "  replace <name>           apply <name> in place of all others\n"
                 "  unload <name>            remove <name>\n"
                 "  load <file> [--nodeps]   upload and apply <file>, named after the file\n";
}

struct Command {
    const char* name;
    std::optional<Action> action; // none for help, list, upload, load
};

// In this order: up to 4.18 the first command that begins with the word given was meant.
constexpr Command commands[] = {
    {"help", {}},
    {"list", {}},
    {"upload", {}},
    {"load", {}},
    {"apply", Action::apply},
    {"revert", Action::revert},
    {"unload", Action::unload},
    {"replace", Action::replace},
};

const Command* find_command(const std::string& word) {
    for (const Command& c : commands)
        if (word == c.name)
            return &c;
    for (const Command& c : commands)
        if (!word.empty() && std::string_view(c.name).starts_with(word))
            return &c;
    return nullptr;
}

struct ActionWords {
    const char* doing;
    State from, to;
};

ActionWords words_of(Action a) {
    switch (a) {
    case Action::apply:
        return {"Applying", State::checked, State::applied};
    case Action::revert:
        return {"Reverting", State::applied, State::checked};
    case Action::unload:
        return {"Unloading", State::checked, State::checked};
    case Action::replace:
        break;
    }
    return {"Replacing all live patches with", State::checked, State::applied};
}

int report_errno(int code) {
    std::cerr << fmt::format("Error {}: {}\n", code, std::strerror(code));
    return code == EBUSY || code == EAGAIN ? again : failed;
}

int report(const Findings& findings) {
    bool retry = !findings.empty();
    for (const Finding& f : findings) {
        std::cerr << f.why << '\n';
        if (!f.remedy.empty())
            std::cerr << f.remedy << '\n';
        retry =
            retry
            && (f.code == "host.busy" || f.code == "host.rendezvous" || f.code == "host.unfinished"
                || f.code == "host.not-on-top" || f.code == "host.locked");
    }
    return retry ? again : failed;
}

std::string row(const Payload& p, bool metadata) {
    std::string line = fmt::format("{:<40}| {}", printable(p.name), to_string(p.status.state));
    if (p.status.rc)
        line += fmt::format(" ({}, {})", -p.status.rc, std::strerror(-p.status.rc));
    if (metadata)
        line += "    | " + metadata_line(p.metadata);
    return line;
}

int list(Session& s) {
    auto payloads = s.xen->list();
    if (!payloads) {
        std::cerr << "Failed to get list sizes.\n";
        return report_errno(payloads.error().code);
    }
    // 4.13's tool had no third column and showed the head of an empty table
    const bool metadata = s.identity.major > 4 || s.identity.minor >= 14;
    if (metadata && payloads->empty()) {
        std::cout << "Nothing to list\n";
        return ok;
    }
    if (metadata)
        std::cout << " ID                                     | status     | metadata\n"
                     "----------------------------------------+------------+---------------\n";
    else
        std::cout << " ID                                     | status\n"
                     "----------------------------------------+------------\n";
    for (const Payload& p : *payloads)
        std::cout << row(p, metadata) << '\n';
    return ok;
}

// Runs a plan, with the tool's words around it.
int run(Operation& o, const Plan& plan, const std::string& doing) {
    std::cout << doing << "... " << std::flush;
    Findings findings;
    auto done = o.executor->run(plan, findings);
    std::cout << (done ? "completed\n" : "failed\n") << std::flush;
    report(findings);
    return done ? ok : report(done.error());
}

// Whether the bytes say what they are for; a file that does not is no payload to any tool of ours.
bool describes_itself(const Blob& b) {
    return b.object && manifest::describe(*b.object, b.sha256, b.bytes.size(), b.origin);
}

// What every payload is checked against, whatever name the program was called by.
struct Guard {
    Trust trust;
    Identity xen;
    Paths paths;
    Store store;
    std::optional<InitCode> init;
    bool force = false; // also what is held back or revoked
};

// The bytes to upload. If no signature is required, a file that is not a payload is passed on to
// the hypervisor, because callers of this tool expect the hypervisor's own error.
Result<std::shared_ptr<Blob>> bytes_of(const std::string& file, const Guard& guard) {
    std::shared_ptr<Blob> blob;
    if (auto bundle = read_bundle(file)) {
        if (Findings against = check_signature(*bundle, guard.trust); has_errors(against))
            return fail(std::move(against));
        blob = bundle->blob;
    } else {
        auto bytes = read_blob(file);
        if (!bytes || guard.trust.required() || describes_itself(**bytes))
            return fail(bundle);
        blob = *bytes;
    }
    if (blob->object)
        if (Findings faults =
                check_silent_faults(*blob->object, guard.xen, guard.init, {file, {}, {}, 0});
            has_errors(faults))
            return fail(std::move(faults));
    auto against =
        check_withheld(guard.paths, guard.store, guard.trust, guard.xen, *blob, {file, {}, {}, 0});
    if (!against)
        return fail(against);
    if (has_errors(*against) && !guard.force)
        return fail(std::move(*against));
    return blob;
}

int upload(Operation& o, const Guard& guard, const std::string& name, const std::string& file,
           bool force) {
    if (auto good = check_name(name); !good)
        return report(good.error());
    auto blob = bytes_of(file, guard);
    if (!blob) {
        if (blob.error().front().code == "file.unreadable")
            std::cerr << fmt::format("Could not open {}.\n", printable(file));
        return report(blob.error());
    }
    Step step{Step::Kind::upload, name, *blob};
    step.force = force;
    return run(o, {"upload", {step}}, "Uploading " + printable(file));
}

int act(Operation& o, const Guard& guard, Action action, const std::string& name,
        std::uint32_t flags) {
    if (auto good = check_name(name); !good)
        return report(good.error());
    const ActionWords words = words_of(action);
    auto status = o.session.xen->get(name);
    if (!status) {
        std::cerr << fmt::format("Failed to get status of {}.\n", name);
        return report_errno(status.error().code);
    }
    const bool settled = status->rc != -EAGAIN;
    if (action != Action::unload && status->state == words.to && settled) {
        std::cout << "No action needed.\n";
        return ok;
    }
    if (status->state != words.from && settled) {
        std::cerr << fmt::format("{} is in the wrong state.\nCurrent state: {}\n"
                                 "Expected state: {}\n",
                                 name, to_string(status->state), to_string(words.from));
        return failed;
    }
    Plan plan{to_string(action), {{kind_of(action), name, nullptr, flags}}};
    plan.takes_over = action == Action::revert || action == Action::unload;
    if (plan.applies())
        if (auto stack = what_is_loaded(guard.paths, guard.store, o.session))
            name_what_is_applied(plan, *stack);
    return run(o, plan, std::string(words.doing) + " " + printable(name));
}

int load(Operation& o, const Guard& guard, const std::string& file, std::uint32_t flags,
         bool force) {
    const std::string name = name_of_file(file);
    if (int rc = upload(o, guard, name, file, force); rc != ok)
        return rc;
    int rc = act(o, guard, Action::apply, name, flags);
    if (rc != ok)
        act(o, guard, Action::unload, name, 0);
    return rc;
}

// The words that follow a command, checked before the hypervisor is asked for anything.
struct Arguments {
    Words words;
    std::uint32_t flags = 0; // of apply
    bool force = false;      // of upload
};

// Nothing when they make no sense; that has been said then.
std::optional<Arguments> check_arguments(const Command& c, Words words, bool force) {
    const std::string_view name = c.name;
    Arguments a{std::move(words), 0, force};
    if (c.action == Action::apply || name == "load")
        while (a.words.size() > 1 && a.words.back() == "--nodeps") {
            a.flags = nodeps_flag;
            a.words.pop_back();
        }
    const std::size_t wanted = name == "list" ? 0 : name == "upload" ? 2 : 1;
    if (a.words.size() == wanted)
        return a;
    if (a.words.size() > wanted && wanted == 1)
        std::cerr << fmt::format("Unsupported flag: {}.\n", a.words[1]);
    else
        help();
    return std::nullopt;
}

int change(Operation& o, const Guard& guard, const Command& c, const Arguments& a) {
    if (c.action)
        return act(o, guard, *c.action, a.words[0], a.flags);
    if (c.name == std::string_view("upload"))
        return upload(o, guard, a.words[0], a.words[1], a.force);
    return load(o, guard, a.words[0], a.flags, a.force);
}

} // namespace

int run_xen_livepatch(const Machine& machine, int argc, char** argv) {
    Words words(argv + std::min(argc, 1), argv + argc);
    if (words.empty()) {
        help();
        return ok;
    }
    const bool force = words[0] == "--force";
    if (force)
        words.erase(words.begin());
    if (words.empty()) {
        help();
        return failed;
    }
    const Command* c = find_command(words[0]);
    if (!c) {
        std::cerr << fmt::format("Unrecognised command '{}' -- try 'xen-livepatch help'\n",
                                 words[0]);
        return failed;
    }
    words.erase(words.begin());
    if (c->name == std::string_view("help")) {
        help();
        return ok;
    }
    auto arguments = check_arguments(*c, std::move(words), force);
    if (!arguments)
        return failed;
    if (c->name == std::string_view("list")) {
        auto s = open_session(machine, {});
        return s ? list(*s) : report(s.error());
    }
    const bool brings = !c->action; // upload and load: the policy must be known
    auto config = read_config(machine.paths.config());
    auto trust = config ? read_trust(*config, machine.paths.keys()) : Result<Trust>(Trust());
    if (brings && !config)
        return report(config.error());
    if (brings && !trust)
        return report(trust.error());
    Settings settings;
    if (config) {
        settings.limits.ceiling = config->rendezvous;
        settings.health_limit = std::chrono::ceil<std::chrono::milliseconds>(config->health);
    }
    auto o = open_operation(machine, settings);
    if (!o)
        return report(o.error());
    report(o->notes);
    Guard guard{trust ? std::move(*trust) : Trust(),
                o->session.identity,
                machine.paths,
                Store(config && !config->store.empty() ? config->store : machine.paths.store()),
                {},
                force};
    if (brings)
        guard.init = read_init_code(machine.paths.xensyms());
    return change(*o, guard, *c, *arguments);
}

} // namespace xlp::host
