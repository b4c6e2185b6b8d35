// SPDX-License-Identifier: GPL-2.0-only
#include "payload/base/descriptor.h"
#include "payload/base/file.h"
#include "payload/base/parallel.h"
#include "tests/unit/folder.h"
#include "tools/common/interrupt.h"
#include "tools/common/process.h"

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace xlp {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::SizeIs;

Command shell(const std::string& script) {
    return {.argv = {"sh", "-c", script}};
}

TEST(Run, takes_output_errors_and_status) {
    auto r = run_command(shell("echo out; echo err >&2; exit 3"), {});
    ASSERT_TRUE(r);
    EXPECT_EQ(r->out, "out\n");
    EXPECT_EQ(r->err, "err\n");
    EXPECT_EQ(r->status, 3);
    EXPECT_EQ(run_command(shell("kill -9 $$"), {})->status, 128 + 9);
}

TEST(Run, gives_input_directory_and_environment) {
    Folder folder;
    setenv("MAKEFLAGS", "-k", 1);
    Command c = shell("cat; pwd; echo $X-$LC_ALL-$MAKEFLAGS");
    c.input = "in\n";
    c.directory = fs::canonical(folder.path);
    c.environment->set("X", "1");
    c.output = folder.path / "out";
    auto r = run_command(c, {});
    unsetenv("MAKEFLAGS");
    ASSERT_TRUE(r);
    EXPECT_EQ(*read_text(folder.path / "out"), "in\n" + c.directory.string() + "\n1-C-\n");
}

TEST(Run, more_output_than_a_pipe_holds) {
    auto r = run_command(shell("head -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2"), {});
    ASSERT_TRUE(r);
    EXPECT_THAT(r->out, SizeIs(1000000));
    EXPECT_THAT(r->err, SizeIs(1000000));
}

TEST(Run, a_program_that_is_not_there) {
    auto r = run_command({.argv = {"no-such-program"}}, {});
    ASSERT_FALSE(r);
    EXPECT_EQ(r.error().front().code, "process.start");
}

TEST(Run, a_stop_ends_the_whole_group_even_one_that_ignores_it) {
    std::stop_source stop;
    std::jthread later([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        stop.request_stop();
    });
    const auto begin = std::chrono::steady_clock::now();
    auto r = run_command(shell("trap '' TERM; sleep 600 & wait; sleep 600"), stop.get_token());
    ASSERT_FALSE(r);
    EXPECT_EQ(r.error().front().code, "interrupted");
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(60));
}

TEST(ForEach, gathers_all_failures_in_order) {
    auto r = for_each(20, 4, {}, [](std::size_t i) -> Result<void> {
        if (i % 10 == 3)
            return fail(bad_input("test", std::to_string(i)));
        return {};
    });
    ASSERT_FALSE(r);
    ASSERT_THAT(r.error(), SizeIs(2));
    EXPECT_EQ(r.error()[0].why, "3");
    EXPECT_EQ(r.error()[1].why, "13");
}

TEST(ForEach, starts_nothing_after_a_stop) {
    std::stop_source stop;
    std::atomic<int> started = 0;
    auto r = for_each(100, 1, stop.get_token(), [&](std::size_t i) -> Result<void> {
        ++started;
        if (i == 4)
            stop.request_stop();
        return {};
    });
    ASSERT_FALSE(r);
    EXPECT_EQ(r.error().front().code, "interrupted");
    EXPECT_EQ(started, 5);
}

TEST(InterruptGuard, a_signal_becomes_a_stop) {
    InterruptGuard guard;
    EXPECT_FALSE(guard.token().stop_requested());
    std::atomic<bool> seen = false;
    std::stop_callback on_stop(guard.token(), [&] {
        seen = true;
        seen.notify_all();
    });
    kill(getpid(), SIGINT);
    seen.wait(false);
    EXPECT_TRUE(guard.token().stop_requested());
}

struct Sockets {
    Sockets() {
        int fds[2];
        EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        ours = Descriptor(fds[0]);
        theirs = Descriptor(fds[1]);
    }
    Descriptor ours, theirs;
};

TEST(Child, descriptors_come_in_order_whatever_their_numbers) {
    Sockets a, b;
    ChildOptions options;
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

TEST(Child, ending_it_kills_the_whole_group) {
    Sockets s;
    ChildOptions options;
    options.passed = {s.theirs.get()};
    // the grandchild holds the socket open until it dies
    auto child = Child::start({"sh", "-c", "sleep 1000 & echo up >&3; wait"}, options);
    ASSERT_TRUE(child);
    s.theirs.close();
    char buffer[16];
    ASSERT_EQ(read(s.ours.get(), buffer, sizeof buffer), 3);
    int status = child->end();
    EXPECT_EQ(status, 128 + SIGKILL);
    EXPECT_EQ(read(s.ours.get(), buffer, sizeof buffer), 0); // closed: nobody is left
}

TEST(Child, no_signal_is_blocked) {
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    auto done = run_command({.argv = {"sh", "-c", "kill -TERM $$; echo survived"}}, {});
    sigprocmask(SIG_SETMASK, &before, nullptr);
    ASSERT_TRUE(done);
    EXPECT_EQ(done->status, 128 + SIGTERM) << done->out;
}

TEST(Run, does_not_wait_for_what_a_program_left_in_a_session_of_its_own) {
    Command c = shell("echo begun; setsid sleep 30 & exit 3");
    c.limit = std::chrono::seconds(20);
    const auto begin = std::chrono::steady_clock::now();
    auto r = run_command(c, {});
    ASSERT_TRUE(r);
    EXPECT_FALSE(r->timed_out);
    EXPECT_EQ(r->status, 3);
    EXPECT_EQ(r->out, "begun\n");
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(15));
}

TEST(Run, a_limit_holds_also_for_a_program_that_closed_its_streams) {
    Command c = shell("exec >&- 2>&-; sleep 1000");
    c.limit = std::chrono::milliseconds(50);
    auto r = run_command(c, {});
    ASSERT_TRUE(r);
    EXPECT_TRUE(r->timed_out);
}

TEST(Run, ends_a_command_that_takes_too_long) {
    Command c = shell("echo begun; sleep 1000");
    c.limit = std::chrono::milliseconds(50);
    auto r = run_command(c, {});
    ASSERT_TRUE(r);
    EXPECT_TRUE(r->timed_out);
    EXPECT_FALSE(r->ok());
}

} // namespace
} // namespace xlp
