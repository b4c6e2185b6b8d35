// SPDX-License-Identifier: GPL-2.0-only
// No automatic step makes a host weaker, whatever its inputs are like; and as much as can be had is
// had.
#include "host_fixture.h"
#include "payload/base/file.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <map>
#include <random>
#include <set>

namespace xlp::host::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;

struct WeakenTest : VerbTest {
    // C, which supersedes A, runs; both are in the store.
    fs::path a, c;
    void run_c() {
        a = store("a", on("a"), {"XSA-1"});
        c = store("c", on("c"), {"XSA-1", "XSA-2"}, {id("a")});
        ASSERT_EQ(xlp({"sync"}).code, 0);
        ASSERT_THAT(xen.stack, ElementsAre("c"));
    }
};

TEST_F(WeakenTest, ARejectedPayloadKeepsItsPlace) {
    run_c();
    ASSERT_TRUE(write_file(manifest::signature_path(c), "not a signature"));
    for (const std::vector<std::string>& words :
         std::vector<std::vector<std::string>>{{"sync"}, {"sync", "--boot"}, {"sync", "--prune"}}) {
        EXPECT_NE(xlp(words).code, 0);
        EXPECT_THAT(xen.stack, ElementsAre("c"));
    }
    ASSERT_TRUE(write_file(c, "no ELF file"));
    EXPECT_NE(xlp({"sync", "--prune"}).code, 0);
    EXPECT_NE(xlp({"sync", "--downgrade", "--prune"}).code, 0) << "while a payload is unreadable";
    EXPECT_THAT(xen.stack, ElementsAre("c"));
}

TEST_F(WeakenTest, AnOlderPayloadOfferedAgainIsNotTaken) {
    run_c();
    for (const fs::path& f : {c, manifest::manifest_path(c)})
        fs::remove(f);
    const Ran r = xlp({"sync"});
    EXPECT_EQ(r.code, 1);
    EXPECT_THAT(r.err, HasSubstr("store.older"));
    EXPECT_THAT(xen.stack, ElementsAre("c"));
    EXPECT_EQ(xlp({"sync", "--prune"}).code, 1) << "that is another word";
    const Ran back = xlp({"sync", "--downgrade"});
    EXPECT_EQ(back.code, 0) << back.err;
    EXPECT_THAT(back.err, HasSubstr("store.weaker"));
    EXPECT_THAT(xen.stack, ElementsAre("a"));
}

TEST_F(WeakenTest, NothingIsPrunedForAStoreThatIsNotThere) {
    run_c();
    const Ran r = xlp({"sync", "--prune", "--store", "/no/such"});
    EXPECT_EQ(r.code, 1);
    EXPECT_THAT(r.err, HasSubstr("store.incomplete"));
    EXPECT_THAT(xen.stack, ElementsAre("c"));
    EXPECT_EQ(xlp({"sync", "--store", "/no/such"}).code, 0);
    EXPECT_THAT(xen.stack, ElementsAre("c"));
}

TEST_F(WeakenTest, WhatNothingSupersedesIsNotExchanged) {
    store("a", on("a"), {"XSA-1"});
    const fs::path b = store("b", on("b", id("a")), {"XSA-2"});
    ASSERT_EQ(xlp({"sync"}).code, 0);
    fs::remove(b);
    fs::remove(manifest::manifest_path(b));
    store("d", on("d", id("a")), {"XSA-3"});
    const Ran r = xlp({"sync"});
    EXPECT_EQ(r.code, 1);
    EXPECT_THAT(r.err, HasSubstr("store.not-superseded"));
    EXPECT_THAT(xen.stack, ElementsAre("a", "b"));
    EXPECT_EQ(xlp({"sync", "--prune"}).code, 0);
    EXPECT_THAT(xen.stack, ElementsAre("a", "d"));
}

TEST_F(WeakenTest, ASupersederThatHasLessIsNotBelieved) {
    store("a", on("a"), {"XSA-1"});
    ASSERT_EQ(xlp({"sync"}).code, 0);
    store("c", on("c"), {"XSA-2"}, {id("a")});
    const Ran r = xlp({"sync"});
    EXPECT_EQ(r.code, 1);
    EXPECT_THAT(r.err, HasSubstr("store.weaker"));
    EXPECT_THAT(xen.stack, ElementsAre("a"));
}

TEST_F(WeakenTest, OnlyWhatCanBeReachedSupersedes) {
    store("a", on("a"), {"XSA-1"});
    store("d", on("d", id("77")), {"XSA-1", "XSA-2"}, {id("a")});
    const Ran r = xlp({"sync", "--boot"});
    EXPECT_EQ(r.code, 1) << "and the exit code says that it is not all";
    EXPECT_THAT(r.err, HasSubstr("store.unreachable"));
    EXPECT_THAT(xen.stack, ElementsAre("a"));
}

TEST_F(WeakenTest, TheLongestGoodPartIsApplied) {
    store("a", on("a"));
    store("b", on("b", id("a")));
    store("c", on("c", id("b")));
    xen.refuses_expectations.insert(id("b"));
    const Ran r = xlp({"sync", "--boot"});
    EXPECT_EQ(r.code, 1);
    EXPECT_THAT(xen.stack, ElementsAre("a"));
    EXPECT_EQ(xen.entries.size(), 1u);
    EXPECT_THAT(r.err, HasSubstr("b"));
}

TEST_F(WeakenTest, WhatIsRefusedGivesWayToWhatItSupersedes) {
    store("a", on("a"));
    store("b", on("b", id("a")));
    store("all", on("c"), {}, {id("a"), id("b")});
    xen.refuses_expectations.insert(id("c"));
    EXPECT_EQ(xlp({"sync", "--boot"}).code, 1);
    EXPECT_THAT(xen.stack, ElementsAre("a", "b"));
}

TEST_F(WeakenTest, WhatTheAmbiguousHaveInCommonIsApplied) {
    store("a", on("a"));
    store("b1", on("b", id("a")));
    store("b2", on("c", id("a")));
    const Ran r = xlp({"sync", "--boot"});
    EXPECT_EQ(r.code, 1);
    EXPECT_THAT(r.err, HasSubstr("store.ambiguous"));
    EXPECT_THAT(xen.stack, ElementsAre("a"));
}

TEST_F(WeakenTest, AnUnreadableStoreChangesNothing) {
    run_c();
    fs::remove_all(root.paths.store() / xen_id);
    ASSERT_TRUE(write_file(root.paths.store() / xen_id, "no folder"));
    EXPECT_NE(xlp({"sync", "--prune"}).code, 0);
    EXPECT_THAT(xen.stack, ElementsAre("c"));
}

// Random stores, signatures, running stacks and failures.
class RandomHost : public VerbTest {
protected:
    std::mt19937 random{20261127};
    std::map<std::string, std::vector<std::string>> fixes; // by build-id

    int upto(int n) { return std::uniform_int_distribution<int>(0, n)(random); }
    int made = 0;
    static std::string name_of(int n) {
        return std::string("a") + "0123456789abcdef"[n % 16] + "0123456789abcdef"[n / 16 % 16];
    }
    std::string any_id() { return id(name_of(std::max(0, made - 1 - upto(5)))); }

    void fill_store() {
        const int n = 1 + upto(3);
        for (int i = 0; i < n; ++i) {
            const std::string own = name_of(made++);
            PayloadSpec spec = on(own, upto(2) ? xen_id : any_id());
            spec.data = upto(3) == 0;
            std::vector<std::string> advisories, supersedes;
            for (int k = 0; k < 3; ++k) {
                if (upto(1))
                    advisories.push_back("XSA-" + std::to_string(upto(3)));
                if (upto(1))
                    supersedes.push_back(any_id());
            }
            fixes[id(own)] = advisories;
            // as xlp-build does, so that it is known also without its manifest
            spec.modinfo = "content=" + own + '\0';
            spec.modinfo += fmt::format("advisories={}", fmt::join(advisories, " ")) + '\0';
            spec.modinfo += fmt::format("supersedes={}", fmt::join(supersedes, " ")) + '\0';
            store("p" + own, spec, advisories, supersedes);
        }
    }

    void damage_store() {
        if (!fs::exists(root.paths.store() / xen_id))
            return;
        for (const auto& e : fs::directory_iterator(root.paths.store() / xen_id)) {
            if (e.path().extension() != ".livepatch")
                continue;
            switch (upto(6)) {
            case 0:
                fs::remove(e.path());
                break;
            case 1:
                ASSERT_TRUE(write_file(e.path(), "damaged"));
                break;
            case 2:
                ASSERT_TRUE(write_file(manifest::signature_path(e.path()), "damaged"));
                break;
            case 3:
                fs::remove(manifest::manifest_path(e.path()));
                break;
            default:
                break;
            }
        }
        if (upto(9) == 0)
            fs::remove_all(root.paths.store());
    }

    std::set<std::string> in_effect() {
        std::set<std::string> all;
        for (const std::string& name : xen.stack) {
            const auto& f = fixes[xen.find(name)->build_id];
            all.insert(f.begin(), f.end());
        }
        return all;
    }
};

TEST_F(RandomHost, NoAutomaticStepTakesAFixAway) {
    for (int round = 0; round < 300; ++round) {
        xen.entries.clear();
        xen.stack.clear();
        xen.refuses_expectations.clear();
        xen.hypervisor_ids_with_veto.clear();
        fixes.clear();
        made = 0;
        fs::remove_all(root.paths.store());
        fs::remove_all(root.paths.run());
        fs::remove_all(root.paths.state());
        fill_store();
        (void)xlp({"sync"});
        for (int step = 0; step < 4; ++step) {
            if (upto(1))
                damage_store();
            else
                fill_store();
            if (upto(2) == 0)
                xen.refuses_expectations.insert(any_id());
            if (upto(3) == 0)
                xen.hypervisor_ids_with_veto.insert(any_id());
            if (upto(2) == 0)
                xen.fail_at = {{xen.calls + 1 + upto(30), upto(1) ? EINVAL : EBUSY}};
            const auto before = in_effect();
            const Ran r = upto(1) ? xlp({"sync"}) : xlp({"sync", "--boot"});
            xen.fail_at.clear();
            const auto after = in_effect();
            ASSERT_TRUE(std::includes(after.begin(), after.end(), before.begin(), before.end()))
                << "round " << round << ", step " << step << "\n"
                << r.out << r.err;
            EXPECT_TRUE(r.code == 0 || r.err != "") << "refused without a reason";
        }
    }
}

} // namespace
} // namespace xlp::host::test
