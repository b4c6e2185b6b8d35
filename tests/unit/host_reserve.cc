// SPDX-License-Identifier: GPL-2.0-only
// A full file system below /var: what xlp must write there still finds room.
#include "host_disk.h"
#include "host_fixture.h"

#include <cerrno>
#include <fstream>
#include <sched.h>
#include <sys/mount.h>

namespace xlp::host::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

struct ReserveTest : VerbTest {
    const fs::path reserve = root.paths.reserve();
    // Full while the reserve is there, and never with room for another.
    std::function<int(const std::string&)> full() {
        return [this](const std::string& path) {
            const bool ours = path.starts_with(root.paths.state().string());
            const bool new_reserve = path.starts_with(reserve.string() + ".");
            return ours && path != reserve && (new_reserve || fs::exists(reserve)) ? ENOSPC : 0;
        };
    }
};

TEST_F(ReserveTest, AFullFileSystemDoesNotLeaveTheHostWithoutItsPayloads) {
    store("one", on("a"));
    ASSERT_EQ(xlp({"sync"}).code, 0);
    ASSERT_TRUE(fs::exists(reserve));
    EXPECT_EQ(fs::file_size(reserve), 512U << 10);
    shut_down("second");
    {
        const DiskHook disk(full());
        const Ran r = xlp({"sync", "--boot"});
        EXPECT_EQ(r.code, 0) << r.err;
        EXPECT_THAT(r.err, HasSubstr("host.no-room"));
        EXPECT_THAT(xen.stack, ElementsAre("one"));
        EXPECT_FALSE(fs::exists(reserve));
    }
    EXPECT_TRUE(fs::exists(root.paths.trial()));
    const Ran later = xlp({"sync"});
    EXPECT_EQ(later.code, 0);
    EXPECT_THAT(later.err, Not(HasSubstr("host.no-room")));
    EXPECT_EQ(fs::file_size(reserve), 512U << 10) << "made again when there is room";
}

// A file system of its own, which needs root.
TEST_F(ReserveTest, AFileSystemThatIsReallyFullIsSurvived) {
    store("one", on("a"));
    fs::create_directories(root.paths.state());
    const int end = in_child([&] {
        if (::unshare(CLONE_NEWNS) != 0
            || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0
            || ::mount("none", root.paths.state().c_str(), "tmpfs", 0, "size=1m") != 0)
            return 7;
        EXPECT_EQ(xlp({"sync"}).code, 0);
        shut_down("second");
        EXPECT_FALSE(write_file(root.paths.state() / "log", std::string(2U << 20, 'x')));
        std::ofstream log(root.paths.state() / "log");
        while (log.put('x'))
            ;
        log.close();
        const Ran r = xlp({"sync", "--boot"});
        EXPECT_EQ(r.code, 0) << r.err;
        EXPECT_THAT(r.err, HasSubstr("host.no-room"));
        EXPECT_THAT(xen.stack, ElementsAre("one"));
        EXPECT_TRUE(fs::exists(root.paths.trial()));
        EXPECT_EQ(fs::file_size(reserve), 128U << 10) << "as much as there is room for";
        fs::remove(root.paths.state() / "log");
        EXPECT_EQ(xlp({"sync"}).code, 0);
        EXPECT_EQ(fs::file_size(reserve), 512U << 10);
        return 0;
    });
    if (end == 7)
        GTEST_SKIP() << "no file system can be mounted here";
    EXPECT_EQ(end, 0);
}

// Else each kill at the wrong moment would take as much room again.
TEST_F(ReserveTest, WhatAKillLeavesOfARecordIsRemoved) {
    fs::create_directories(root.paths.state());
    const Paths& paths = root.paths;
    std::vector<fs::path> left;
    for (const fs::path& record : {reserve, paths.trial(), paths.settled(), paths.held(),
                                   paths.hold_words(), paths.serials(), paths.last_sync()})
        left.push_back(record.string() + ".new-aBcDeF");
    const fs::path others[] = {paths.state() / "trial.json.backup",
                               paths.state() / "notes.new-aBcDeF"};
    for (const fs::path& file : left)
        ASSERT_TRUE(write_file(file, "half of it"));
    for (const fs::path& file : others)
        ASSERT_TRUE(write_file(file, "an operator's"));
    store("one", on("a"));
    ASSERT_EQ(xlp({"sync"}).code, 0);
    for (const fs::path& file : left)
        EXPECT_FALSE(fs::exists(file)) << file;
    for (const fs::path& file : others)
        EXPECT_TRUE(fs::exists(file)) << file;
    EXPECT_TRUE(fs::exists(reserve));
}

// The record of the crash needs room as well, and comes first.
TEST_F(ReserveTest, AFullFileSystemDoesNotHideACrash) {
    store("one", on("a"));
    ASSERT_EQ(xlp({"sync"}).code, 0);
    crash("second");
    const DiskHook disk(full());
    EXPECT_EQ(xlp({"sync", "--boot"}).code, 1);
    EXPECT_THAT(xen.stack, IsEmpty());
    EXPECT_TRUE(fs::exists(root.paths.held()));
    EXPECT_EQ(xlp({"sync", "--after-crash"}).code, 0);
    EXPECT_THAT(xen.stack, ElementsAre("one"));
}

TEST_F(ReserveTest, ATrialEndsOnAFullFileSystemAsElsewhere) {
    store("one", on("a"));
    ASSERT_EQ(xlp({"sync"}).code, 0);
    {
        const DiskHook disk(full());
        const Ran r = xlp({"settle", "--now"});
        EXPECT_EQ(r.code, 0) << r.err;
        EXPECT_THAT(r.err, HasSubstr("host.no-room"));
    }
    crash("second"); // after the trial
    ASSERT_EQ(xlp({"sync", "--boot"}).code, 0);
    crash("third"); // the first one of a payload that has settled
    EXPECT_EQ(xlp({"sync", "--boot"}).code, 0);
    EXPECT_THAT(xen.stack, ElementsAre("one"));
}

// Where nothing is about to be written, nothing is taken; other failures do not cost it either.
TEST_F(ReserveTest, OnlyAFullFileSystemTakesIt) {
    store("one", on("a"));
    ASSERT_EQ(xlp({"sync"}).code, 0);
    shut_down("second");
    {
        const DiskHook broken([&](const std::string& path) {
            return path.starts_with(root.paths.trial().string()) ? EIO : 0;
        });
        EXPECT_NE(xlp({"sync", "--boot"}).code, 0);
    }
    EXPECT_TRUE(fs::exists(reserve));
    ASSERT_EQ(xlp({"settle"}).code, 0);
    EXPECT_TRUE(fs::exists(reserve));
}

} // namespace
} // namespace xlp::host::test
