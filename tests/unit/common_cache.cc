// SPDX-License-Identifier: GPL-2.0-only
#include "payload/base/file.h"
#include "tests/unit/folder.h"
#include "tools/common/cache.h"

#include <chrono>
#include <gmock/gmock.h>

namespace xlp {
namespace {

namespace fs = std::filesystem;

TEST(Cache, an_entry_is_made_once_and_not_kept_when_that_fails) {
    Folder folder;
    const fs::path entry = folder.path / "entry";
    int made = 0;
    auto failing = cache::open_entry(entry, {}, [&]() -> Result<void> {
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
        auto lock = cache::open_entry(entry, {}, make);
        ASSERT_TRUE(lock);
        auto again = cache::open_entry(entry, {}, make);
        EXPECT_TRUE(again);
    }
    EXPECT_EQ(made, 1);
    EXPECT_TRUE(cache::is_complete(entry));
}

TEST(Cache, what_an_ended_run_left_is_made_again) {
    Folder folder;
    const fs::path entry = folder.path / "entry";
    fs::create_directories(entry);
    ASSERT_TRUE(write_file(entry / "left", ""));
    auto lock = cache::open_entry(entry, {}, [&]() -> Result<void> { return {}; });
    ASSERT_TRUE(lock);
    EXPECT_FALSE(fs::exists(entry / "left"));
}

TEST(Cache, pruning_spares_the_newest_and_those_in_use) {
    Folder folder;
    auto nothing = []() -> Result<void> { return {}; };
    auto now = fs::file_time_type::clock::now();
    std::vector<fs::path> entries;
    for (int i = 0; i < 4; ++i) {
        entries.push_back(folder.path / ("4806c258bc720c8ea503002" + std::to_string(i)));
        ASSERT_TRUE(cache::open_entry(entries.back(), {}, nothing));
        fs::last_write_time(entries.back(), now - std::chrono::hours(i + 1));
    }
    auto in_use = FileLock::take(cache::lock_of(entries[3]), FileLock::Mode::shared, {});
    cache::prune_entries(folder.path, 1);
    EXPECT_TRUE(fs::exists(entries[0]));
    EXPECT_FALSE(fs::exists(entries[1]));
    EXPECT_FALSE(fs::exists(entries[2]));
    EXPECT_TRUE(fs::exists(entries[3]));
}

TEST(Cache, pruning_touches_nothing_that_is_no_entry) {
    Folder folder;
    for (const char* name : {"debian-xen-4.17", "cafe"}) {
        fs::create_directories(folder.path / name);
        ASSERT_TRUE(write_file(cache::lock_of(folder.path / name), ""));
    }
    cache::prune_entries(folder.path, 0);
    EXPECT_TRUE(fs::exists(folder.path / "debian-xen-4.17"));
    EXPECT_TRUE(fs::exists(folder.path / "cafe"));
}

TEST(Cache, makes_a_file_once_and_none_on_failure) {
    Folder folder;
    int made = 0;
    auto produce = [&] { return Result<std::string>(std::to_string(++made)); };
    auto first = cache::file(folder.path, "kind", "key", produce);
    auto second = cache::file(folder.path, "kind", "key", produce);
    ASSERT_TRUE(first && second);
    EXPECT_EQ(*first, *second);
    EXPECT_EQ(made, 1);
    auto failed = cache::file(folder.path, "kind", "other",
                              [] { return Result<std::string>(fail(bad_input("x", "X."))); });
    EXPECT_FALSE(failed);
    EXPECT_EQ(folder.entries(), 1U);
}

TEST(Cache, pruning_files_keeps_the_newest_and_the_recent) {
    Folder folder;
    const auto now = fs::file_time_type::clock::now();
    for (int i = 0; i < 5; ++i) {
        const fs::path file = folder / ("state-" + std::to_string(i));
        ASSERT_TRUE(write_file(file, "x"));
        fs::last_write_time(file, now - std::chrono::minutes(70 * i));
    }
    cache::prune_files(folder.path, "state", 2);
    EXPECT_TRUE(fs::exists(folder / "state-0"));
    EXPECT_TRUE(fs::exists(folder / "state-1"));
    EXPECT_FALSE(fs::exists(folder / "state-2"));
    cache::prune_files(folder.path, "state", 0);
    EXPECT_TRUE(fs::exists(folder / "state-0")); // recent
    EXPECT_FALSE(fs::exists(folder / "state-1"));
}

TEST(Cache, sweeping_takes_only_folders_that_nobody_uses) {
    Folder folder;
    auto used = cache::Scratch::make(folder.path);
    ASSERT_TRUE(used);
    const fs::path left = folder / "run-killed", young = folder / "run-young";
    for (const fs::path& f : {left, young})
        fs::create_directory(f);
    for (const fs::path& f : {left, used->path()})
        fs::last_write_time(f, fs::file_time_type::clock::now() - std::chrono::hours(1));
    cache::sweep(folder.path);
    EXPECT_FALSE(fs::exists(left));
    EXPECT_TRUE(fs::exists(young));
    EXPECT_TRUE(fs::exists(used->path()));
}

TEST(FileLock, is_held_by_one) {
    Folder folder;
    auto first = FileLock::try_take(folder / "lock", FileLock::Mode::exclusive);
    ASSERT_TRUE(first);
    EXPECT_TRUE(*first);
    auto second = FileLock::try_take(folder / "lock", FileLock::Mode::exclusive);
    ASSERT_TRUE(second);
    EXPECT_FALSE(*second);
    first->reset();
    auto third = FileLock::try_take(folder / "lock", FileLock::Mode::exclusive);
    ASSERT_TRUE(third);
    EXPECT_TRUE(*third);
}

TEST(FileLock, leaves_what_the_file_holds) {
    Folder folder;
    ASSERT_TRUE(write_file(folder / "lock", "precious"));
    ASSERT_TRUE(FileLock::take(folder / "lock", FileLock::Mode::exclusive, {}));
    EXPECT_EQ(*read_text(folder / "lock"), "precious");
}

} // namespace
} // namespace xlp
