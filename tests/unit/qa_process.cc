// SPDX-License-Identifier: GPL-2.0-only
// Child processes, and the monitor's protocol.
#include "tools/xlp-qa/files.h"
#include "tools/xlp-qa/process.h"
#include "tools/xlp-qa/qmp.h"

#include <csignal>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>

namespace xlp::qa {

using namespace std::chrono_literals;

namespace {

struct Sockets {
    Sockets() {
        int fds[2];
        EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        ours = Descriptor(fds[0]);
        theirs = Descriptor(fds[1]);
    }
    Descriptor ours, theirs;
};

void put(const Descriptor& to, std::string_view text) {
    EXPECT_EQ(write(to.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
}

auto soon() {
    return Monitor::Clock::now() + 20s;
}

} // namespace

TEST(Process, OutputAndStatus) {
    auto done = run_program({"sh", "-c", "echo out; echo err >&2; exit 3"});
    ASSERT_TRUE(done);
    EXPECT_EQ(done->output, "out\nerr\n");
    EXPECT_EQ(WEXITSTATUS(done->status), 3);
}

TEST(Process, MissingProgramIsTold) {
    auto done = run_program({"/no/such/program"});
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().front().failure, Failure::environment);
}

TEST(Process, DescriptorsComeInOrderWhateverTheirNumbers) {
    Sockets a, b;
    Child::Options options;
    options.passed = {b.theirs.get(), a.theirs.get()}; // numbers that overlap with 3 and 4
    auto child = Child::start({"sh", "-c", "echo three >&3; echo four >&4"}, options);
    ASSERT_TRUE(child);
    EXPECT_EQ(child->wait(), 0);
    char buffer[16];
    EXPECT_EQ(std::string(buffer, static_cast<std::size_t>(read(b.ours.get(), buffer, 16))),
              "three\n");
    EXPECT_EQ(std::string(buffer, static_cast<std::size_t>(read(a.ours.get(), buffer, 16))),
              "four\n");
}

TEST(Process, EndKillsTheWholeGroup) {
    Sockets s;
    Child::Options options;
    options.passed = {s.theirs.get()};
    // the grandchild holds the socket open until it dies
    auto child = Child::start({"sh", "-c", "sleep 1000 & echo up >&3; wait"}, options);
    ASSERT_TRUE(child);
    s.theirs.reset();
    char buffer[16];
    ASSERT_EQ(read(s.ours.get(), buffer, sizeof buffer), 3);
    int status = child->end();
    EXPECT_TRUE(WIFSIGNALED(status));
    EXPECT_EQ(read(s.ours.get(), buffer, sizeof buffer), 0); // closed: nobody is left
}

TEST(Process, SignalsAreNotBlockedInTheChild) {
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    auto done = run_program({"sh", "-c", "kill -TERM $$; echo survived"});
    sigprocmask(SIG_SETMASK, &before, nullptr);
    ASSERT_TRUE(done);
    EXPECT_TRUE(WIFSIGNALED(done->status)) << done->output;
}

TEST(Monitor, AnswersAreFoundAmongEvents) {
    Sockets s;
    put(s.theirs, "{\"QMP\": {\"version\": {}}}\r\n{\"return\": {}}\r\n"
                  "{\"event\": \"STOP\"}\r\n{\"return\": {\"status\": \"paused\"}}\r\n");
    Monitor m(std::move(s.ours), -1);
    ASSERT_TRUE(m.greet(soon()));
    auto status = m.command("query-status", nlohmann::json::object(), soon());
    ASSERT_TRUE(status);
    EXPECT_EQ((*status)["status"], "paused");
}

TEST(Monitor, RefusalsAndClosedEndsAreErrors) {
    Sockets s;
    put(s.theirs, "{\"error\": {\"class\": \"GenericError\", \"desc\": \"no such thing\"}}\r\n");
    Monitor m(std::move(s.ours), -1);
    auto refused = m.command("nonsense", nlohmann::json::object(), soon());
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().front().why.find("no such thing"), std::string::npos);
    s.theirs.reset();
    EXPECT_FALSE(m.command("again", nlohmann::json::object(), soon()));
}

TEST(Monitor, RemembersWhyTheMachineWentDown) {
    Sockets s;
    put(s.theirs, "{\"event\": \"RESET\", \"data\": {}}\r\n"
                  "{\"event\": \"SHUTDOWN\", \"data\": {\"guest\": true, "
                  "\"reason\": \"guest-reset\"}}\r\n");
    s.theirs.reset();
    Monitor m(std::move(s.ours), -1);
    EXPECT_EQ(m.shutdown_reason(), "guest-reset");
}

TEST(Monitor, CancelBreaksAWait) {
    Sockets line, cancel;
    put(cancel.theirs, "x");
    auto waited = wait_readable(line.ours.get(), cancel.ours.get(), soon());
    ASSERT_FALSE(waited);
    EXPECT_EQ(waited.error().front().code, "qa.interrupted");
    auto silent = wait_readable(line.ours.get(), -1, Monitor::Clock::now());
    ASSERT_TRUE(silent);
    EXPECT_FALSE(*silent);
}

} // namespace xlp::qa
