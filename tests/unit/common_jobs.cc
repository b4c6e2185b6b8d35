// SPDX-License-Identifier: GPL-2.0-only
// One budget of jobs over threads and processes.
#include "payload/base/jobs.h"
#include "payload/base/parallel.h"
#include "tools/common/process.h"

#include <atomic>
#include <condition_variable>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <mutex>
#include <sys/eventfd.h>
#include <sys/stat.h>

namespace xlp {
namespace {

// Never readable: whoever waits with it waits for a token.
Descriptor never() {
    return Descriptor(eventfd(0, EFD_CLOEXEC));
}

// How many tokens can be had at this moment.
std::size_t tokens_left(const Jobs& jobs) {
    const std::string path = fmt::format("/proc/self/fd/{}", jobs.descriptors()[0]);
    const Descriptor in(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    std::vector<char> all(8192);
    const ssize_t n = read(in.get(), all.data(), all.size());
    if (n <= 0)
        return 0;
    const std::size_t count = static_cast<std::size_t>(n);
    EXPECT_EQ(write(jobs.descriptors()[1], all.data(), count), n);
    return count;
}

// Counts how many are at work at once; each waits until `together` are, or goes on at once.
class Meeting {
public:
    explicit Meeting(unsigned together) : together_(together) {}
    void attend() {
        std::unique_lock lock(mutex_);
        most_ = std::max(most_, ++now_);
        met_.notify_all();
        met_.wait(lock, [&] { return most_ >= together_; });
        --now_;
    }
    unsigned most() const { return most_; }

private:
    unsigned together_, now_ = 0, most_ = 0;
    std::mutex mutex_;
    std::condition_variable met_;
};

TEST(Jobs, one_budget_for_all_threads) {
    const Jobs jobs = Jobs::to_share(3);
    ASSERT_TRUE(jobs.is_shared());
    Meeting meeting(3); // ends only if three really run at once
    auto ok = for_each(20, jobs, {}, [&](std::size_t) -> Result<void> {
        meeting.attend();
        return {};
    });
    EXPECT_TRUE(ok);
    EXPECT_EQ(meeting.most(), 3U);
    EXPECT_EQ(tokens_left(jobs), 2U) << "what was taken goes back";
}

TEST(Jobs, without_a_token_the_job_of_ones_own_does_everything) {
    const Jobs jobs = Jobs::to_share(3);
    const Descriptor over = never();
    auto first = jobs.take(over), second = jobs.take(over);
    std::atomic<unsigned> done = 0;
    Meeting meeting(1);
    EXPECT_TRUE(for_each(50, jobs, {}, [&](std::size_t) -> Result<void> {
        meeting.attend();
        ++done;
        return {};
    }));
    EXPECT_EQ(done, 50U);
    EXPECT_EQ(meeting.most(), 1U);
    EXPECT_EQ(tokens_left(jobs), 0U);
}

TEST(Jobs, a_stop_ends_the_waiting) {
    const Jobs jobs = Jobs::to_share(2);
    const Descriptor over = never();
    auto token = jobs.take(over);
    std::stop_source stop;
    auto r = for_each(1000, jobs, stop.get_token(), [&](std::size_t) -> Result<void> {
        stop.request_stop();
        return {};
    });
    ASSERT_FALSE(r);
    EXPECT_EQ(r.error().front().code, "interrupted");
}

TEST(Jobs, a_child_that_is_a_make_takes_part) {
    const auto folder = std::filesystem::temp_directory_path() / fmt::format("jobs.{}", getpid());
    std::filesystem::create_directories(folder);
    // each recipe waits until both have begun: one after the other they never end
    const std::string rule = "\t@touch $@; while [ ! -e a ] || [ ! -e b ]; do sleep 0.05; done\n";
    Command make;
    make.argv = {"make", "-s", "-f", "-", "both"};
    make.input = "both: a b\n.PHONY: both\na:\n" + rule + "b:\n" + rule;
    make.directory = folder;
    make.limit = std::chrono::seconds(60);
    const Jobs jobs = Jobs::to_share(2);
    share(make, jobs);
    auto outcome = run_command(make, {});
    std::filesystem::remove_all(folder);
    ASSERT_TRUE(outcome);
    EXPECT_TRUE(outcome->ok()) << outcome->err;
    EXPECT_EQ(outcome->err, "");
    EXPECT_EQ(tokens_left(jobs), 1U);
}

TEST(Jobs, what_a_parent_offers_is_found_in_makeflags) {
    const Jobs parent = Jobs::to_share(5);
    const std::vector<int> fds = parent.descriptors();
    const Jobs child = Jobs::offered(
        fmt::format(" -j5 --jobserver-auth=9,9 --jobserver-auth={},{}", fds[0], fds[1]), 8);
    ASSERT_TRUE(child.is_shared());
    EXPECT_EQ(child.most(), 8U);
    {
        const Descriptor over = never();
        auto token = child.take(over);
        EXPECT_EQ(tokens_left(parent), 3U);
    }
    EXPECT_EQ(tokens_left(parent), 4U);
    EXPECT_EQ(parent.makeflags(), " -j5 --jobserver-auth=3,4");
}

TEST(Jobs, a_named_pipe_too) {
    const auto path = std::filesystem::temp_directory_path() / fmt::format("fifo.{}", getpid());
    ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
    const Descriptor keep(open(path.c_str(), O_RDWR | O_CLOEXEC));
    ASSERT_EQ(write(keep.get(), "+", 1), 1);
    const Jobs child = Jobs::offered("-j2 --jobserver-auth=fifo:" + path.string() + " -- A=b", 2);
    std::filesystem::remove(path);
    ASSERT_TRUE(child.is_shared());
    const Descriptor over = never();
    EXPECT_TRUE(child.take(over));
}

TEST(Jobs, an_offer_that_is_none_leaves_us_alone) {
    const Descriptor file(open("/dev/null", O_RDWR | O_CLOEXEC));
    int ends[2];
    ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
    const Descriptor read(ends[0]), write(ends[1]);
    for (const std::string& flags :
         {std::string(), std::string("-j4"), std::string("k -j --jobserver-auth=-2,-2"),
          std::string("--jobserver-auth="), std::string("--jobserver-auth=3"),
          std::string("--jobserver-auth=998,999"), std::string("--jobserver-auth=3,4x"),
          std::string("--jobserver-auth=fifo:/nowhere"),
          std::string("--jobserver-auth=fifo:/dev/null"),
          std::string("--jobserver-auth=99999999999999999999,4"),
          fmt::format("--jobserver-auth={0},{0}", file.get()),
          fmt::format("--jobserver-auth={},{}", ends[1], ends[0])}) {
        const Jobs jobs = Jobs::offered(flags, 6);
        EXPECT_FALSE(jobs.is_shared()) << flags;
        EXPECT_EQ(jobs.most(), 6U);
        EXPECT_TRUE(jobs.descriptors().empty());
    }
    EXPECT_EQ(Jobs(0).most(), 1U);
    EXPECT_TRUE(Jobs::to_share(1).is_shared());
}

} // namespace
} // namespace xlp
