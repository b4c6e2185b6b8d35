// SPDX-License-Identifier: GPL-2.0-only
// As host_executor.cc and host_each_write.cc do for plans, for whole verbs: a failure, a kill and a
// power cut at every call of the hypervisor and at every change to the disk. Health checks, the end
// of trials and holds are in play, and what follows is what an operator or the next boot does.
#include "host_disk.h"
#include "host_fixture.h"
#include "tools/xlp/disk/trial.h"

#include <algorithm>
#include <cerrno>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <ostream>
#include <set>

namespace xlp::host::test {
namespace {

using Words = std::vector<std::string>;

// A host of its own, of which a test makes many.
struct Host : VerbTest {
    void TestBody() override {}

    // Nothing when xlp was killed.
    std::optional<Ran> run(const Words& words) {
        try {
            return xlp(words);
        } catch (const Killed&) {
            end_capture();
            return std::nullopt;
        }
    }
    static void end_capture() {
        ::testing::internal::GetCapturedStdout();
        ::testing::internal::GetCapturedStderr();
    }
    Ran must(const Words& words) {
        Ran r = xlp(words);
        EXPECT_EQ(r.code, 0) << fmt::format("{}", fmt::join(words, " ")) << ": " << r.err;
        return r;
    }
    void check(const std::string& script) {
        const fs::path f = root.paths.health() / "check";
        fs::create_directories(f.parent_path());
        ASSERT_TRUE(write_file(f, "#!/bin/sh\n" + script, {.mode = 0755}));
    }
    // Settled, and applied in this boot.
    void settle(const Words& payloads) {
        std::string below = xen_id;
        for (const std::string& p : payloads) {
            store(p, on(p, below), {"XSA-" + p});
            below = id(p);
        }
        must({"sync"});
        must({"settle", "--now"});
    }
    void power_cut() {
        crash("after a power cut");
        fs::remove_all(root.paths.run());
        fs::remove(root.paths.lock());
    }
    std::set<std::string> fixes() {
        std::set<std::string> all;
        for (const std::string& name : xen.stack)
            for (const char p : name) // "ab" supersedes a and b
                all.insert({p});
        return all;
    }
    bool trial_is_true() {
        auto trial = Trial(root.paths).current();
        return trial
               && (!*trial
                   || std::all_of((*trial)->payloads.begin(), (*trial)->payloads.end(),
                                  [&](const OnTrial& p) {
                                      return std::count(xen.stack.begin(), xen.stack.end(), p.name);
                                  }));
    }
    Json status() { return xlp({"status", "--json"}).json(); }
};

struct VerbScenario {
    std::string name;
    std::function<void(Host&)> setup;
    Words words;
    std::set<std::string> settled; // must be in effect after the next boot
    std::set<std::string> fresh;   // must not, if they were in effect when the host went down
    bool weakens = false;          // the operator's own word
};

void PrintTo(const VerbScenario& s, std::ostream* out) {
    *out << s.name;
}

void exchange(Host& h, bool veto) {
    h.settle({"a", "b"});
    h.store("ab", on("c"), {"XSA-a", "XSA-b"}, {id("a"), id("b")});
    if (veto)
        h.xen.hypervisor_ids_with_veto.insert(id("c"));
}

void two_new(Host& h) {
    h.settle({"a"});
    h.store("b", on("b", id("a")), {"XSA-b"});
    h.store("c", on("c", id("b")), {"XSA-c"});
}

void one_on_trial(Host& h) {
    h.settle({"a"});
    h.store("b", on("b", id("a")), {"XSA-b"});
    h.must({"sync"});
}

void crash_of_b(Host& h) {
    one_on_trial(h);
    h.crash("second");
}

std::vector<VerbScenario> changes() {
    return {
        {"sync", two_new, {"sync"}, {"a"}, {"b", "c"}},
        {"sync with health checks that pass",
         [](Host& h) { two_new(h), h.check("exit 0\n"); },
         {"sync"},
         {"a"},
         {"b", "c"}},
        {"sync with health checks that fail",
         [](Host& h) { two_new(h), h.check("exit 1\n"); },
         {"sync"},
         {"a"},
         {"b", "c"}},
        {"exchange by replace", [](Host& h) { exchange(h, false); }, {"sync"}, {"a", "b"}, {"ab"}},
        {"exchange by veto", [](Host& h) { exchange(h, true); }, {"sync"}, {"a", "b"}, {"ab"}},
        {"exchange with health checks that fail",
         [](Host& h) { exchange(h, false), h.check("exit 1\n"); },
         {"sync"},
         {"a", "b"},
         {"ab"}},
        {"revert",
         [](Host& h) {
             h.settle({"a", "b"});
         },
         {"revert", "b"},
         {"a", "b"},
         {},
         true},
        {"unload",
         [](Host& h) {
             h.settle({"a", "b"}), h.must({"revert", "b"});
         },
         {"unload", "b"},
         {"a", "b"},
         {},
         true},
    };
}

std::vector<VerbScenario> trials_and_holds() {
    return {
        {"settle",
         [](Host& h) {
             one_on_trial(h);
             h.clock.sleep(std::chrono::minutes(16));
         },
         {"settle"},
         {"a"},
         {}},
        {"settle at a shutdown", one_on_trial, {"settle", "--now"}, {"a"}, {}},
        {"boot after a crash", crash_of_b, {"sync", "--boot"}, {"a"}, {"b"}},
        {"boot after a power cut that is forgiven",
         [](Host& h) {
             h.settle({"a", "b"});
             h.shut_down("second");
             h.must({"sync", "--boot"});
             h.crash("third");
         },
         {"sync", "--boot"},
         {},
         {}},
        {"after a crash, by a word",
         [](Host& h) {
             crash_of_b(h);
             EXPECT_EQ(h.xlp({"sync", "--boot"}).code, 1);
         },
         {"sync", "--after-crash"},
         {"a"},
         {"b"}},
        {"a hold of the operator",
         [](Host& h) {
             two_new(h);
             fs::create_directories(h.root.paths.holds());
             EXPECT_TRUE(write_file(h.root.paths.holds() / xen_id, id("c") + "\n"));
         },
         {"sync"},
         {"a"},
         {"b", "c"}},
    };
}

class EveryVerb : public ::testing::TestWithParam<VerbScenario> {
protected:
    const VerbScenario& s = GetParam();
    int calls = 0, writes = 0, first = 0;
    std::vector<std::string> wanted; // the stack in the end
    std::set<std::string> before;    // fixes
    bool crashed = false;            // in the end

    void SetUp() override {
        Host h;
        prepare(h);
        before = h.fixes();
        {
            const DiskHook count([&](const std::string&) { return ++writes, 0; });
            (void)h.run(s.words);
        }
        calls = h.xen.calls - first;
        (void)h.run(s.words);
        if (!s.weakens)
            (void)h.run({"sync"});
        wanted = h.xen.stack;
        crashed = h.status()["crashed"] == true;
    }
    void prepare(Host& h) {
        s.setup(h);
        first = h.xen.calls;
    }
    // As for a host that nothing happened to.
    void clean(Host& h, const std::string& when) {
        EXPECT_FALSE(fs::exists(h.root.paths.journal())) << when;
        EXPECT_TRUE(h.trial_is_true()) << when;
        EXPECT_TRUE(s.weakens || h.xen.entries.size() == h.xen.stack.size())
            << when << ": something is left uploaded";
        const bool held = fs::exists(h.root.paths.holds() / xen_id);
        EXPECT_FALSE(held && std::count(h.xen.stack.begin(), h.xen.stack.end(), "c")) << when;
    }
    // The operator, or the next timer, does the same again.
    void after_failure(Host& h, const std::string& when) {
        const auto now = h.fixes();
        EXPECT_TRUE(s.weakens
                    || std::includes(now.begin(), now.end(), before.begin(), before.end()))
            << when << ": " << fmt::format("{}", fmt::join(h.xen.stack, " "));
        after_kill(h, when);
    }
    void after_kill(Host& h, const std::string& when) {
        (void)h.run(s.words);
        if (!s.weakens)
            (void)h.run({"sync"});
        EXPECT_EQ(h.xen.stack, wanted) << when;
        EXPECT_EQ(h.status()["crashed"] == true, crashed) << when;
        clean(h, when);
    }
    // xlp dies before or after each call takes effect; `end` is what comes then.
    template <class F>
    void die_at_each_call(F end) {
        for (int call = 1; call <= calls; ++call)
            for (bool effect : {false, true}) {
                Host h;
                prepare(h);
                (effect ? h.xen.kill_after : h.xen.kill_before) = first + call;
                EXPECT_FALSE(h.run(s.words));
                h.xen.kill_after = h.xen.kill_before = std::nullopt;
                end(h, fmt::format("died {} call {}", effect ? "after" : "before", call));
            }
    }
    void after_power_cut(Host& h, const std::string& when) {
        std::set<std::string> ran;
        for (const auto& e : h.xen.entries)
            if (s.fresh.count(e.name) && (e.status.state == State::applied || e.pending))
                ran.insert(e.name);
        h.power_cut();
        fs::remove_all(h.root.paths.health()); // they are not what is looked at here
        const Ran boot = h.xlp({"sync", "--boot"});
        const auto now = h.fixes();
        for (const std::string& p : s.settled)
            EXPECT_TRUE(now.count(p)) << when << ": " << p << " has settled\n" << boot.err;
        for (const std::string& p : ran)
            EXPECT_FALSE(std::count(h.xen.stack.begin(), h.xen.stack.end(), p))
                << when << ": " << p << " may have been the cause\n"
                << boot.err;
        Json status = h.status();
        EXPECT_TRUE(ran.empty() || status["crashed"] == true) << when;
        EXPECT_EQ(status["last_sync"]["result"], boot.code) << when;
        clean(h, when);
        h.must({"sync", "--after-crash"});
        clean(h, when);
        status = h.status();
        EXPECT_EQ(status["crashed"], false) << when;
        EXPECT_EQ(status["missing"], Json::array()) << when;
    }
};

TEST_P(EveryVerb, EndsWellAfterAFailureAtAnyCall) {
    for (int call = 1; call <= calls; ++call) {
        Host h;
        prepare(h);
        const int error = call % 2 ? EINVAL : EBUSY; // host_executor.cc has all
        h.xen.fail_at = {{first + call, error}};
        (void)h.run(s.words);
        h.xen.fail_at.clear();
        after_failure(h, fmt::format("call {}, errno {}", call, error));
    }
}

TEST_P(EveryVerb, EndsWellAfterAKillAtAnyCall) {
    die_at_each_call([&](Host& h, const std::string& when) { after_kill(h, when); });
}

TEST_P(EveryVerb, EndsWellAfterAPowerCutAtAnyCall) {
    die_at_each_call([&](Host& h, const std::string& when) { after_power_cut(h, when); });
}

TEST_P(EveryVerb, EndsWellOnADiskThatFailsAtAnyWrite) {
    for (int write = 1; write <= writes; ++write)
        for (bool for_good : {false, true}) {
            Host h;
            prepare(h);
            {
                int at = 0;
                const DiskHook full([&](const std::string&) {
                    ++at;
                    return at == write || (for_good && at > write) ? ENOSPC : 0;
                });
                (void)h.run(s.words);
            }
            after_failure(h, fmt::format("write {}{}", write, for_good ? " and all others" : ""));
        }
}

TEST_P(EveryVerb, EndsWellAfterAKillOrAPowerCutBeforeAnyWrite) {
    for (int write = 1; write <= writes; ++write)
        for (bool cut : {false, true}) {
            const int end = in_child([&] {
                Host h;
                prepare(h);
                int at = 0;
                const DiskHook kill([&](const std::string& path) {
                    if (++at != write)
                        return 0;
                    Host::end_capture(); // of the xlp that is gone; the next is another process
                    const std::string when =
                        fmt::format("{} before write {}, {}", cut ? "cut" : "killed", write, path);
                    fs::remove(h.root.paths.lock());
                    cut ? after_power_cut(h, when) : after_kill(h, when);
                    fs::remove_all(h.root.paths.root);
                    end_child();
                });
                (void)h.run(s.words);
                return 2; // it should not have lived
            });
            EXPECT_EQ(end, 0) << (cut ? "cut" : "killed") << " before write " << write << " of "
                              << writes;
        }
}

std::string test_name(const ::testing::TestParamInfo<VerbScenario>& scenario) {
    std::string name = scenario.param.name;
    for (char& c : name)
        if (!std::isalnum(static_cast<unsigned char>(c)))
            c = '_';
    return name;
}

INSTANTIATE_TEST_SUITE_P(Change, EveryVerb, ::testing::ValuesIn(changes()), test_name);
INSTANTIATE_TEST_SUITE_P(Hold, EveryVerb, ::testing::ValuesIn(trials_and_holds()), test_name);

} // namespace
} // namespace xlp::host::test
