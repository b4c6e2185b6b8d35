// SPDX-License-Identifier: GPL-2.0-only
// Files on disks that fail, and the lock.
#include "host_disk.h"
#include "host_scripted.h"
#include "payload/base/file.h"
#include "payload/base/json.h"
#include "tools/xlp/disk/lock.h"
#include "tools/xlp/disk/store.h"
#include "tools/xlp/hypervisor/names.h"

#include <csignal>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace xlp::host::test {
namespace {

namespace fs = std::filesystem;

// Runs in a child whose files cannot grow beyond `bytes`, as on a disk that is full.
template <class F>
int on_full_disk(rlim_t bytes, F body) {
    return in_child([&] {
        ::signal(SIGXFSZ, SIG_IGN);
        const rlimit limit{bytes, bytes};
        ::setrlimit(RLIMIT_FSIZE, &limit);
        return body();
    });
}

std::size_t files_below(const fs::path& folder) {
    std::size_t n = 0;
    for (const auto& e : fs::recursive_directory_iterator(folder))
        n += e.is_regular_file();
    return n;
}

TEST(Files, AFullDiskLeavesTheOldContentsAndNoLitter) {
    const Root root;
    const fs::path file = root.paths.root / "f";
    ASSERT_TRUE(write_file(file, "old"));
    const std::size_t before = files_below(root.paths.root);
    EXPECT_EQ(on_full_disk(10,
                           [&] {
                               auto done = write_file(file, std::string(100000, 'x'));
                               return !done && done.error().front().code == "file.unwritable" ? 7
                                                                                              : 8;
                           }),
              7);
    EXPECT_EQ(**read_text_if_there(file), "old");
    EXPECT_EQ(files_below(root.paths.root), before);
}

TEST(Files, AnInstallOnAFullDiskInstallsNothing) {
    const Root root;
    const fs::path from = write_payload(root.paths.root / "files/a.livepatch", {id("a"), xen_id});
    EXPECT_EQ(on_full_disk(100,
                           [&] {
                               auto bundle = read_bundle(from);
                               auto done = Store(root.paths.store()).install(*bundle, false);
                               return !done && failure_of(done.error()) == Failure::environment ? 7
                                                                                                : 8;
                           }),
              7);
    Findings none;
    EXPECT_TRUE(Store(root.paths.store()).offer(xen_id, {Policy::off, {}}, none).good.empty());
}

TEST(Files, WhatIsNoJsonObjectIsDamaged) {
    const Root root;
    const fs::path file = root.paths.root / "j";
    EXPECT_FALSE(*read_json_if_there(file));
    for (const char* text : {"", "[]", "{", "3"}) {
        ASSERT_TRUE(write_file(file, text));
        auto j = read_json_if_there(file);
        ASSERT_FALSE(j) << text;
        EXPECT_EQ(j.error().front().code, "file.damaged");
    }
}

TEST(Lock, ADeadHolderHoldsNothing) {
    const Root root;
    TestClock clock;
    const pid_t child = ::fork();
    if (child == 0) {
        auto lock = Lock::take(root.paths.lock(), clock, Nanoseconds(0));
        ::kill(::getpid(), lock ? SIGKILL : SIGTERM);
        ::_exit(1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    EXPECT_TRUE(Lock::take(root.paths.lock(), clock, Nanoseconds(0)));
}

TEST(Lock, IsNotTakenThroughALink) {
    const Root root;
    TestClock clock;
    fs::create_directories(root.paths.lock().parent_path());
    fs::create_symlink(root.paths.root / "victim", root.paths.lock());
    EXPECT_FALSE(Lock::take(root.paths.lock(), clock, Nanoseconds(0)));
    EXPECT_FALSE(fs::exists(root.paths.root / "victim"));
}

TEST(Names, EncodingIsReversible) {
    std::string all;
    for (int c = 0; c < 256; ++c)
        all += static_cast<char>(c);
    EXPECT_EQ(decode_name(encode_name(all)), all);
    EXPECT_EQ(decode_name("%"), "%");
    EXPECT_EQ(decode_name("%4"), "%4");
    EXPECT_EQ(decode_name("%zz"), "%zz");
}

TEST(Names, OfAFileIsAsTheOldToolMakesIt) {
    EXPECT_EQ(name_of_file("/x/xsa-1.livepatch"), "xsa-1");
    EXPECT_EQ(name_of_file("a.b.c"), "a.b");
    EXPECT_EQ(name_of_file("plain"), "plain");
}

} // namespace
} // namespace xlp::host::test
