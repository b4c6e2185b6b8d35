// SPDX-License-Identifier: GPL-2.0-only
// Child processes, and the monitor's protocol.
#include "payload/base/descriptor.h"
#include "tools/common/cache.h"
#include "tools/common/process.h"
#include "tools/xlp-qa/machine/qmp.h"

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
    s.theirs.close();
    EXPECT_FALSE(m.command("again", nlohmann::json::object(), soon()));
}

TEST(Monitor, RemembersWhyTheMachineWentDown) {
    Sockets s;
    put(s.theirs, "{\"event\": \"RESET\", \"data\": {}}\r\n"
                  "{\"event\": \"SHUTDOWN\", \"data\": {\"guest\": true, "
                  "\"reason\": \"guest-reset\"}}\r\n");
    s.theirs.close();
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
