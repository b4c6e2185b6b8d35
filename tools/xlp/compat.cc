// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/compat.h"

#include "payload/elf/object.h"
#include "tools/xlp/names.h"
#include "tools/xlp/verbs.h"

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
                 "  list                     the payloads that are uploaded\n"
                 "  upload <name> <file>     upload <file> under <name>, of up to 127 bytes\n"
                 "  apply <name> [--nodeps]  put <name> into effect\n"
                 "  revert <name>            take <name> out of effect\n"
                 "  replace <name>           put <name> into effect in place of all others\n"
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
        retry = retry
                && (f.code == "host.busy" || f.code == "host.rendezvous"
                    || f.code == "host.unfinished" || f.code == "host.not-on-top");
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

int upload(Session& s, const std::string& name, const std::string& file, bool force) {
    if (auto good = check_name(name); !good)
        return report(good.error());
    auto bytes = elf::read_file(file);
    if (!bytes) {
        std::cerr << fmt::format("Could not open {}.\n", file);
        return report(bytes.error());
    }
    std::cout << fmt::format("Uploading {}... ", file) << std::flush;
    auto done = s.op->upload(name, *bytes, force);
    std::cout << (done ? "completed\n" : "failed\n") << std::flush;
    return done ? ok : report(done.error());
}

int act(Session& s, Action action, const std::string& name, std::uint32_t flags) {
    if (auto good = check_name(name); !good)
        return report(good.error());
    const ActionWords words = words_of(action);
    auto status = s.xen->get(name);
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
    std::cout << fmt::format("{} {}... ", words.doing, name) << std::flush;
    auto done = s.op->act(action, name, flags);
    std::cout << (done ? "completed\n" : "failed\n") << std::flush;
    return done ? ok : report(done.error());
}

int load(Session& s, const std::string& file, std::uint32_t flags, bool force) {
    const std::string name = name_of_file(file);
    if (int rc = upload(s, name, file, force); rc != ok)
        return rc;
    int rc = act(s, Action::apply, name, flags);
    if (rc != ok)
        act(s, Action::unload, name, 0);
    return rc;
}

int wrong_usage() {
    help();
    return failed;
}

int dispatch(Session& s, const Command& c, Words args, bool force) {
    const std::string name = c.name;
    std::uint32_t flags = 0;
    if (c.action == Action::apply || name == "load") {
        while (args.size() > 1 && args.back() == "--nodeps") {
            flags = nodeps_flag;
            args.pop_back();
        }
    }
    const std::size_t wanted = name == "list" ? 0 : name == "upload" ? 2 : 1;
    if (args.size() > wanted && wanted == 1) {
        std::cerr << fmt::format("Unsupported flag: {}.\n", args[1]);
        return failed;
    }
    if (args.size() != wanted)
        return wrong_usage();
    if (name == "list")
        return list(s);
    if (name == "upload")
        return upload(s, args[0], args[1], force);
    if (name == "load")
        return load(s, args[0], flags, force);
    return act(s, *c.action, args[0], flags);
}

} // namespace

int run_xen_livepatch(const Machine& machine, int argc, char** argv) {
    Words args(argv + std::min(argc, 1), argv + argc);
    if (args.empty()) {
        help();
        return ok;
    }
    const bool force = args[0] == "--force";
    if (force)
        args.erase(args.begin());
    if (args.empty())
        return wrong_usage();
    const Command* c = find_command(args[0]);
    if (!c) {
        std::cerr << fmt::format("Unrecognised command '{}' -- try 'xen-livepatch help'\n",
                                 args[0]);
        return failed;
    }
    args.erase(args.begin());
    if (c->name == std::string_view("help")) {
        help();
        return ok;
    }
    auto xen = machine.connect(Via::automatic);
    if (!xen)
        return report(xen.error());
    auto identity = (*xen)->identity();
    if (!identity)
        return report_errno(identity.error().code);
    Session s{std::move(*xen), std::move(*identity), nullptr};
    s.op = std::make_unique<Operator>(*s.xen, machine.clock, Limits{});
    return dispatch(s, *c, std::move(args), force);
}

} // namespace xlp::host
