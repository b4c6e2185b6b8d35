// SPDX-License-Identifier: GPL-2.0-only
#include "payload/base/descriptor.h"
#include "payload/base/file.h"
#include "payload/base/hash.h"
#include "payload/base/json.h"
#include "payload/base/parallel.h"
#include "tests/unit/folder.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

namespace xlp {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

TEST(Files, are_written_whole_or_not_at_all) {
    Folder folder;
    ASSERT_TRUE(write_file(folder / "f", "one"));
    ASSERT_TRUE(write_file(folder / "f", "two"));
    EXPECT_EQ(*read_text(folder / "f"), "two");
    auto refused = write_file(folder / "no/such/folder", "x");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().front().failure, Failure::environment);
    EXPECT_EQ(refused.error().front().code, "file.unwritable");
    fs::create_directory(folder / "d");
    EXPECT_FALSE(write_file(folder / "d", "x"));
    EXPECT_EQ(folder.entries(), 2U); // no temporary file is left
}

TEST(Files, what_is_no_regular_file_is_not_replaced) {
    Folder folder;
    ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
    EXPECT_FALSE(write_file(folder / "pipe", "x"));
    EXPECT_TRUE(fs::is_fifo(folder / "pipe"));
    EXPECT_FALSE(write_file("/dev/null", "x"));
    EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

TEST(Files, a_name_of_an_open_file_stays) {
    const Folder folder;
    const fs::path link = folder / "stdout", file = folder / "file";
    const Descriptor open{::open(file.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600)};
    fs::create_symlink("/proc/self/fd/" + std::to_string(open.get()), link);
    const auto written = write_file(link, std::string_view("text"));
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().front().code, "file.unwritable");
    EXPECT_TRUE(fs::is_symlink(link));
}

TEST(Files, modes_and_exclusive_making) {
    Folder folder;
    ASSERT_TRUE(write_file(folder / "f", "secret", {.mode = 0600, .exclusive = true}));
    EXPECT_EQ(fs::status(folder / "f").permissions(), fs::perms(0600));
    EXPECT_FALSE(write_file(folder / "f", "other", {.exclusive = true}));
    EXPECT_EQ(*read_text(folder / "f"), "secret");
    EXPECT_EQ(folder.entries(), 1U);
}

TEST(Files, unreadable_ones_are_bad_input) {
    Folder folder;
    ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
    for (const char* name : {"missing", ".", "pipe"}) {
        auto read = read_file(folder / name);
        ASSERT_FALSE(read) << name;
        EXPECT_EQ(read.error().front().failure, Failure::input);
        EXPECT_EQ(read.error().front().code, "file.unreadable");
        EXPECT_THAT(read.error().front().where.file, HasSubstr(name));
    }
}

TEST(Files, reading_is_bounded) {
    Folder folder;
    ASSERT_TRUE(write_file(folder / "f", "12345"));
    EXPECT_TRUE(read_text(folder / "f", 5));
    EXPECT_FALSE(read_text(folder / "f", 4));
}

// xlp reads the boot id, the kernel's command line and the hypervisor's symbols from such files.
TEST(Files, those_of_the_kernel_are_read_although_they_say_that_they_are_empty) {
    ASSERT_EQ(fs::file_size("/proc/self/maps"), 0U);
    const auto maps = read_text("/proc/self/maps");
    ASSERT_TRUE(maps);
    EXPECT_GT(maps->size(), 4096U);
    EXPECT_THAT(*maps, testing::HasSubstr("[stack]"));
    const auto bounded = read_text("/proc/self/maps", 100);
    ASSERT_FALSE(bounded);
    EXPECT_EQ(bounded.error().front().code, "file.unreadable");
    const auto boot = read_text_if_there("/proc/sys/kernel/random/boot_id");
    ASSERT_TRUE(boot && *boot);
    EXPECT_EQ((*boot)->size(), 37U);
}

TEST(Files, a_missing_one_may_be_no_error) {
    Folder folder;
    auto none = read_text_if_there(folder / "f");
    ASSERT_TRUE(none);
    EXPECT_FALSE(*none);
    EXPECT_TRUE(remove_file(folder / "f"));
    ASSERT_TRUE(write_file(folder / "f", "x"));
    EXPECT_EQ(**read_text_if_there(folder / "f"), "x");
    EXPECT_TRUE(remove_file(folder / "f"));
    EXPECT_FALSE(fs::exists(folder / "f"));
}

TEST(Files, json_that_is_no_object_is_damaged) {
    Folder folder;
    EXPECT_FALSE(
        **std::make_unique<Result<std::optional<Json>>>(read_json_if_there(folder / "missing")));
    for (const char* text : {"", "[]", "{", "1"}) {
        ASSERT_TRUE(write_file(folder / "j", text));
        auto j = read_json_if_there(folder / "j");
        ASSERT_FALSE(j) << text;
        EXPECT_EQ(j.error().front().code, "file.damaged");
    }
    ASSERT_TRUE(write_file(folder / "j", R"({"a": 1})"));
    EXPECT_EQ((**read_json_if_there(folder / "j"))["a"], 1);
}

TEST(Hash, keys_tell_where_one_part_ends) {
    EXPECT_NE(key_of({"ab", "c"}), key_of({"a", "bc"}));
    EXPECT_EQ(key_of({"ab", "c"}), key_of({"ab", "c"}));
    EXPECT_EQ(key_of({}).size(), 64U);
}

TEST(Hash, is_sha_256) {
    EXPECT_EQ(sha256_hex(as_bytes("abc")),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Hex, both_ways) {
    EXPECT_EQ(hex(*from_hex("00aBff")), "00abff");
    EXPECT_FALSE(from_hex("0"));
    EXPECT_FALSE(from_hex("0g"));
}

} // namespace
} // namespace xlp
