// SPDX-License-Identifier: GPL-2.0-only
// Whatever xlp writes is on disk, whole, before it goes on: a power cut later cannot undo it.
#include "host_disk.h"
#include "host_fixture.h"

#include <map>

namespace xlp::host::test {
namespace {

using DurableTest = VerbTest;

struct Change {
    std::string path; // empty: an fsync
    bool sync() const { return path.empty(); }
    // The file that this is the new text of, while it has another name.
    std::string new_text_of() const {
        static const std::string ending = std::string(unfinished_mark) + "XXXXXX";
        return path.ends_with(ending) ? path.substr(0, path.size() - ending.size()) : "";
    }
};

// How often each file was written; each must be synced before it gets its name, and its folder
// after that.
std::map<std::string, int> written(const std::vector<Change>& changes) {
    std::map<std::string, int> files;
    for (std::size_t i = 0; i < changes.size(); ++i) {
        const std::string file = changes[i].new_text_of();
        if (file.empty())
            continue;
        ++files[std::filesystem::path(file).filename()];
        const bool whole = i + 3 < changes.size();
        EXPECT_TRUE(whole && changes[i + 1].sync()) << file << " gets its name unsynced";
        EXPECT_TRUE(whole && changes[i + 2].path == file) << file;
        EXPECT_TRUE(whole && changes[i + 3].sync()) << file << ": its name is not synced";
    }
    return files;
}

TEST_F(DurableTest, EveryRecordIsSyncedBeforeAndAfterItGetsItsName) {
    std::vector<Change> changes;
    {
        const DiskHook watch([&](const std::string& path) {
            changes.push_back({path});
            return 0;
        });
        const auto f = store("a", on("a"), {"XSA-1"});
        index();
        ASSERT_EQ(xlp({"sync"}).code, 0);
        ASSERT_EQ(xlp({"settle", "--now"}).code, 0);
        store("b", on("b", id("a")));
        ASSERT_EQ(xlp({"sync"}).code, 0);
        crash("second");
        ASSERT_EQ(xlp({"sync", "--boot"}).code, 1);
        fs::create_directories(root.paths.holds());
        ASSERT_TRUE(write_file(root.paths.holds() / xen_id, id("b") + "\n"));
        ASSERT_EQ(xlp({"sync"}).code, 0);
        ASSERT_EQ(xlp({"install", file("c", on("c"))}).code, 0);
    }
    auto files = written(changes);
    for (const char* record :
         {"trial.json", "held.json", "settled.json", "index-serials.json", "last-sync.json",
          "hold-words.json", "journal.json", "loaded.json", "reserve", "c.livepatch"})
        EXPECT_GT(files[record], 0) << record;
}

// A power cut after a success must not bring the record of the trial back: its removal is synced.
TEST_F(DurableTest, TheEndOfATrialIsOnDisk) {
    store("one", on("a"));
    ASSERT_EQ(xlp({"sync"}).code, 0);
    bool removed = false, synced = false;
    {
        const DiskHook watch([&](const std::string& path) {
            synced = synced || (removed && path.empty());
            removed = removed || path == root.paths.trial();
            return 0;
        });
        ASSERT_EQ(xlp({"settle", "--now"}).code, 0);
    }
    EXPECT_TRUE(removed && synced);
}

} // namespace
} // namespace xlp::host::test
