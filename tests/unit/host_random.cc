// SPDX-License-Identifier: GPL-2.0-only
// Random stores, signatures, running stacks, failures, reboots, crashes and holds: whatever comes,
// no automatic step takes a fix away or applies what is held back.
#include "host_fixture.h"
#include "payload/base/file.h"
#include "tools/xlp/disk/trial.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <iterator>
#include <map>
#include <random>
#include <set>
#include <sstream>

namespace xlp::host::test {
namespace {

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

    // What the rules say, from what is seen from outside; by build-id.
    std::set<std::string> on_trial, settled, held;
    int boots = 0;

    std::set<std::string> running() {
        std::set<std::string> ids;
        for (const std::string& name : xen.stack)
            ids.insert(xen.find(name)->build_id);
        return ids;
    }
    std::set<std::string> by_hand() {
        auto text = read_text_if_there(root.paths.holds() / xen_id);
        std::istringstream in(text && *text ? **text : "");
        return {std::istream_iterator<std::string>(in), {}};
    }
    void end_trial() {
        EXPECT_EQ(xlp({"settle", "--now"}).code, 0);
        settled.insert(on_trial.begin(), on_trial.end());
        on_trial.clear();
    }
    void next_boot() {
        crash("boot " + std::to_string(++boots));
        fs::remove_all(root.paths.run());
        on_trial.clear();
    }
    // What happens to a host between two syncs.
    void live() {
        switch (upto(8)) {
        case 0:
            end_trial();
            break;
        case 1: // a reboot
            end_trial();
            next_boot();
            break;
        case 2: // a crash, or a power cut
            for (const std::string& p : on_trial)
                if (!settled.count(p))
                    held.insert(p);
            next_boot();
            break;
        case 3:
            fs::create_directories(root.paths.holds());
            EXPECT_TRUE(write_file(root.paths.holds() / xen_id, any_id() + "\n" + any_id()));
            break;
        case 4:
            fs::remove_all(root.paths.holds());
            break;
        default:
            break;
        }
    }
    // Nothing that is held back is applied by a sync, nor is what is on trial forgotten.
    void check_holds(const std::set<std::string>& ran_before, const std::string& where) {
        const auto words = by_hand();
        for (const std::string& p : running()) {
            if (!ran_before.count(p)) {
                EXPECT_FALSE(held.count(p)) << p << " is held back, " << where;
                EXPECT_FALSE(words.count(p)) << p << " is held by hand, " << where;
                on_trial.insert(p);
            }
        }
        const auto now = running();
        std::erase_if(on_trial, [&](const std::string& p) { return !now.count(p); });
        auto trial = Trial(root.paths).current();
        EXPECT_TRUE(trial);
        EXPECT_EQ(trial && *trial, !on_trial.empty()) << where;
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

TEST_F(RandomHost, NoAutomaticStepTakesAFixAwayOrAppliesWhatIsHeld) {
    for (int round = 0; round < 300; ++round) {
        xen.entries.clear();
        xen.stack.clear();
        xen.refuses_expectations.clear();
        xen.hypervisor_ids_with_veto.clear();
        fixes.clear();
        for (auto* ids : {&on_trial, &settled, &held})
            ids->clear();
        made = 0;
        for (const fs::path& folder :
             {root.paths.store(), root.paths.run(), root.paths.state(), root.paths.holds()})
            fs::remove_all(folder);
        fill_store();
        (void)xlp({"sync"});
        on_trial = running();
        for (int step = 0; step < 6; ++step) {
            const std::string where = fmt::format("round {}, step {}", round, step);
            if (upto(1))
                damage_store();
            else
                fill_store();
            live();
            if (upto(2) == 0)
                xen.refuses_expectations.insert(any_id());
            if (upto(3) == 0)
                xen.hypervisor_ids_with_veto.insert(any_id());
            if (upto(2) == 0)
                xen.fail_at = {{xen.calls + 1 + upto(30), upto(1) ? EINVAL : EBUSY}};
            const auto before = in_effect();
            const auto ran = running();
            const int word = upto(7);
            if (word == 0)
                held.clear();
            const Ran r = xlp(word == 0       ? std::vector<std::string>{"sync", "--after-crash"}
                              : word % 2 == 0 ? std::vector<std::string>{"sync"}
                                              : std::vector<std::string>{"sync", "--boot"});
            xen.fail_at.clear();
            const auto after = in_effect();
            ASSERT_TRUE(std::includes(after.begin(), after.end(), before.begin(), before.end()))
                << where << "\n"
                << r.out << r.err;
            EXPECT_TRUE(r.code == 0 || r.err != "") << "refused without a reason";
            check_holds(ran, where + "\n" + r.out + r.err);
            if (HasFailure())
                return; // the rest would follow from it
        }
    }
}

} // namespace
} // namespace xlp::host::test
