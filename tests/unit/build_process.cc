// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-build/cache.h"
#include "tools/xlp-build/process.h"
#include "tools/xlp-build/tree.h"

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <gmock/gmock.h>
#include <thread>
#include <unistd.h>

namespace xlp::build {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::SizeIs;

struct Folder {
    Folder() {
        std::string name = (fs::temp_directory_path() / "xlp-test-XXXXXX").string();
        path = mkdtemp(name.data());
    }
    ~Folder() { fs::remove_all(path); }
    fs::path path;
};

Command shell(const std::string& script) {
    return {.argv = {"sh", "-c", script}};
}

TEST(Run, takes_output_errors_and_status) {
    auto r = run(shell("echo out; echo err >&2; exit 3"), {});
    ASSERT_TRUE(r);
    EXPECT_EQ(r->out, "out\n");
    EXPECT_EQ(r->err, "err\n");
    EXPECT_EQ(r->status, 3);
    EXPECT_EQ(run(shell("kill -9 $$"), {})->status, 128 + 9);
}

TEST(Run, gives_input_directory_and_environment) {
    Folder folder;
    setenv("MAKEFLAGS", "-k", 1);
    Command c = shell("cat; pwd; echo $X-$LC_ALL-$MAKEFLAGS");
    c.input = "in\n";
    c.directory = fs::canonical(folder.path);
    c.environment.set("X", "1");
    c.output = folder.path / "out";
    auto r = run(c, {});
    unsetenv("MAKEFLAGS");
    ASSERT_TRUE(r);
    EXPECT_EQ(*read_file(folder.path / "out"), "in\n" + c.directory.string() + "\n1-C-\n");
}

TEST(Run, more_output_than_a_pipe_holds) {
    auto r = run(shell("head -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2"), {});
    ASSERT_TRUE(r);
    EXPECT_THAT(r->out, SizeIs(1000000));
    EXPECT_THAT(r->err, SizeIs(1000000));
}

TEST(Run, a_program_that_is_not_there) {
    auto r = run({.argv = {"no-such-program"}}, {});
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
    auto r = run(shell("trap '' TERM; sleep 600 & wait; sleep 600"), stop.get_token());
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

TEST(Cache, hashes_tell_where_one_string_ends) {
    Hash a, b;
    a.add("ab");
    a.add("c");
    b.add("a");
    b.add("bc");
    EXPECT_NE(a.hex(), b.hex());
    EXPECT_THAT(hash_of("x"), SizeIs(64));
}

TEST(Cache, an_entry_is_made_once_and_not_kept_when_that_fails) {
    Folder folder;
    const fs::path entry = folder.path / "entry";
    int made = 0;
    auto failing = open_entry(entry, {}, [&]() -> Result<void> {
        EXPECT_TRUE(write_file(entry / "half", ""));
        return fail(bad_input("test", "no"));
    });
    EXPECT_FALSE(failing);
    EXPECT_FALSE(fs::exists(entry));
    auto make = [&]() -> Result<void> {
        ++made;
        return write_file(entry / "file", "x");
    };
    {
        auto lock = open_entry(entry, {}, make);
        ASSERT_TRUE(lock);
        auto again = open_entry(entry, {}, make);
        EXPECT_TRUE(again);
    }
    EXPECT_EQ(made, 1);
    EXPECT_TRUE(is_complete(entry));
}

TEST(Cache, what_an_ended_run_left_is_made_again) {
    Folder folder;
    const fs::path entry = folder.path / "entry";
    fs::create_directories(entry);
    ASSERT_TRUE(write_file(entry / "left", ""));
    auto lock = open_entry(entry, {}, [&]() -> Result<void> { return {}; });
    ASSERT_TRUE(lock);
    EXPECT_FALSE(fs::exists(entry / "left"));
}

TEST(Cache, pruning_spares_the_newest_and_those_in_use) {
    Folder folder;
    auto nothing = []() -> Result<void> { return {}; };
    auto now = fs::file_time_type::clock::now();
    for (int i = 0; i < 4; ++i) {
        const fs::path entry = folder.path / std::to_string(i);
        ASSERT_TRUE(open_entry(entry, {}, nothing));
        fs::last_write_time(entry, now - std::chrono::hours(i + 1));
    }
    auto in_use = FileLock::take(lock_of(folder.path / "3"), FileLock::Mode::shared, {});
    prune(folder.path, 1);
    EXPECT_TRUE(fs::exists(folder.path / "0"));
    EXPECT_FALSE(fs::exists(folder.path / "1"));
    EXPECT_FALSE(fs::exists(folder.path / "2"));
    EXPECT_TRUE(fs::exists(folder.path / "3"));
}

} // namespace
} // namespace xlp::build
