// SPDX-License-Identifier: GPL-2.0-only
// The verbs that change one thing, and what holds for all of them.
#include "host_fixture.h"
#include "payload/base/json.h"
#include "tools/xlp/hypervisor/init_code.h"
#include <algorithm>
#include <fmt/format.h>
#include <thread>

namespace xlp::host::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST_F(VerbTest, LoadAppliesAllAndListShowsThem) {
    const Ran r = xlp({"load", file("a", on("a")), file("b", on("b", id("a")))});
    EXPECT_EQ(r.code, 0) << r.err;
    EXPECT_EQ(r.out, "a: applied\nb: applied\n");
    EXPECT_THAT(xen.stack, ElementsAre("a", "b"));
    const Json list = xlp({"list", "--json"}).json();
    EXPECT_EQ(list["schema"], "xlp.list/1");
    EXPECT_EQ(list["exit_code"], 0);
    EXPECT_EQ(list["xen"]["build_id"], xen_id);
    EXPECT_EQ(list["payloads"][1]["name"], "b");
    EXPECT_EQ(list["payloads"][1]["state"], "APPLIED");
}

TEST_F(VerbTest, LoadOfAWrongFileChangesNothing) {
    const std::string good = file("a", on("a"));
    EXPECT_EQ(xlp({"load", good, "/nonexistent.livepatch"}).code, 3);
    EXPECT_EQ(xlp({"load", good, file("b", on("b", id("c")))}).code, 1) << "stacks on nothing";
    EXPECT_EQ(xlp({"load", good, file("a2", on("a"))}).code, 1) << "the same build-id twice";
    PayloadSpec other = on("d");
    other.xen = id("77");
    const Ran r = xlp({"load", good, file("d", other)});
    EXPECT_EQ(r.code, 1);
    EXPECT_THAT(r.err, HasSubstr("preflight.other-xen"));
    EXPECT_THAT(r.err, HasSubstr(id("77")));
    EXPECT_TRUE(xen.entries.empty());
}

TEST_F(VerbTest, EveryReasonIsSaidAtOnce) {
    PayloadSpec other = on("d", id("99"));
    other.xen = id("77");
    const Ran r = xlp({"load", "--json", file("d", other)});
    std::vector<std::string> codes;
    const Json document = r.json();
    for (const Json& f : document["findings"])
        codes.push_back(f["code"]);
    EXPECT_THAT(codes, ::testing::IsSupersetOf({"preflight.other-xen", "preflight.order"}));
}

// Xen takes such a payload and leaves out what the hooks would have done.
TEST_F(VerbTest, HooksThatThisXenDoesNotRunAreARefusal) {
    PayloadSpec hooked = on("d");
    hooked.preapply = true;
    xen.identity.minor = 13;
    const std::string payload = file("d", hooked);
    EXPECT_THAT(xlp({"load", payload}).err, HasSubstr("preflight.hooks"));
    for (const Ran& r : {xlp({"load", payload}), xlp({"load", "--force", payload}),
                         compat({"load", payload}), compat({"--force", "upload", "x", payload})}) {
        EXPECT_EQ(r.code, 1);
        EXPECT_THAT(r.err, HasSubstr(".livepatch.hooks.preapply"));
    }
    EXPECT_TRUE(xen.entries.empty());
}

// The hypervisor accepts such a payload and crashes, so every way in refuses it: by name or
// address.
TEST_F(VerbTest, CodeThatOnlyRunsWhileXenStartsIsNotReplaced) {
    fs::create_directories(root.paths.xensyms().parent_path());
    ASSERT_TRUE(write_file(root.paths.xensyms(), "ffff82d040200000 T _stext\n"
                                                 "ffff82d040210000 T do_xen_version\n"
                                                 "ffff82d0403d5000 T _sinittext\n"
                                                 "ffff82d0403d5000 T __init_begin\n"
                                                 "ffff82d040417190 t elf.c#elf_init\n"
                                                 "ffff82d040422ad0 T _einittext\n"));
    PayloadSpec named = on("d"), placed = on("e");
    named.function = "elf.c#elf_init";
    placed.old_address = 0xffff82d040417190;
    for (const PayloadSpec& spec : {named, placed}) {
        const std::string payload = file("init", spec);
        for (const Ran& r :
             {xlp({"load", payload}), xlp({"load", "--force", payload}), xlp({"verify", payload}),
              compat({"load", payload}), compat({"upload", "x", payload})}) {
            EXPECT_EQ(r.code, 1) << r.err;
            EXPECT_THAT(r.err, HasSubstr("runs only while Xen boots"));
        }
    }
    EXPECT_TRUE(xen.entries.empty());
    store("init", named);
    store("good", on("a"));
    const Ran synced = xlp({"sync", "--boot"});
    EXPECT_EQ(synced.code, 1);
    EXPECT_THAT(synced.err, HasSubstr("preflight.init"));
    EXPECT_THAT(xen.stack, ::testing::ElementsAre("good"));
}

TEST_F(VerbTest, WhereDom0ShowsNoSymbolsTheHypervisorIsAsked) {
    fs::create_directories(root.paths.xensyms().parent_path());
    for (const char* text : {"", "\n", "T _sinittext", "zz T _sinittext\n", "1 T _einittext\n",
                             "2 T _sinittext\n1 T _einittext\n", "18446744073709551616 T\n"}) {
        ASSERT_TRUE(write_file(root.paths.xensyms(), text));
        EXPECT_FALSE(read_init_code(root.paths.xensyms())) << text;
    }
    const Ran r = xlp({"load", "--json", file("a", on("a"))});
    EXPECT_EQ(r.code, 0);
    EXPECT_THAT(r.out, HasSubstr("preflight.no-symbols")) << "what was not checked is said";
}

// Otherwise the boot after a crash would look like the boot before it.
TEST_F(VerbTest, WithoutABootIdNothingIsAppliedByItselfAndByHandWithAWarning) {
    ASSERT_TRUE(write_file(root.paths.boot_id(), ""));
    store("a", on("a"));
    const Ran synced = xlp({"sync", "--boot"});
    EXPECT_EQ(synced.code, 4);
    EXPECT_THAT(synced.err, HasSubstr("host.boot-id"));
    EXPECT_TRUE(xen.stack.empty());
    const Ran loaded = xlp({"load", file("a", on("a"))});
    EXPECT_EQ(loaded.code, 0);
    EXPECT_THAT(loaded.err, HasSubstr("host.boot-id"));
}

TEST_F(VerbTest, ForceGoesPastTheChecksButNotPastTheHypervisor) {
    PayloadSpec other = on("d");
    other.xen = id("77");
    const Ran r = xlp({"load", "--force", file("d", other)});
    EXPECT_EQ(r.code, 1);
    EXPECT_THAT(r.err, HasSubstr("host.invalid"));
}

TEST_F(VerbTest, NodepsOnlyByExplicitWord) {
    ASSERT_EQ(xlp({"load", file("a", on("a"))}).code, 0);
    EXPECT_EQ(xlp({"load", file("b", on("b", id("c")))}).code, 1);
    EXPECT_EQ(xlp({"load", "--nodeps", file("b", on("b", id("c")))}).code, 0);
}

TEST_F(VerbTest, StepByStep) {
    EXPECT_EQ(xlp({"upload", "x", file("a", on("a"))}).out, "x: uploaded\n");
    EXPECT_EQ(xlp({"apply", "x"}).out, "x: applied\n");
    EXPECT_EQ(xlp({"apply", "x"}).out, "x: already applied\n");
    EXPECT_EQ(xlp({"unload", "x"}).code, 1);
    EXPECT_EQ(xlp({"revert", "x"}).out, "x: reverted\n");
    EXPECT_EQ(xlp({"unload", "x"}).out, "x: unloaded\n");
    EXPECT_EQ(xlp({"unload", "x"}).code, 1);
}

TEST_F(VerbTest, ReplaceBySomethingThatIsAppliedIsRefused) {
    ASSERT_EQ(xlp({"load", file("a", on("a")), file("b", on("b", id("a")))}).code, 0);
    const Ran r = xlp({"replace", "a"});
    EXPECT_EQ(r.code, 1);
    EXPECT_THAT(r.err, HasSubstr("host.applied-already"));
    ASSERT_EQ(xlp({"upload", "c", file("c", on("c"))}).code, 0);
    EXPECT_EQ(xlp({"replace", "c"}).code, 0);
    EXPECT_THAT(xen.stack, ElementsAre("c"));
}

TEST_F(VerbTest, UsageIsChecked) {
    for (const std::vector<std::string>& words :
         std::vector<std::vector<std::string>>{{"apply"},
                                               {"load"},
                                               {"nonsense"},
                                               {"list", "--via", "pigeon"},
                                               {"apply", "x", "--timeout", "5 parsecs"},
                                               {"apply", "x", "--timeout", "0"},
                                               {"apply", "x", "--timeout", "5s"},
                                               {"apply", "x", "--timeout-limit", "0"},
                                               {"apply", "x", "--attempts", "0"}})
        EXPECT_EQ(xlp(words).code, 2) << words[0];
}

TEST_F(VerbTest, DurationsAreReadInEveryUnit) {
    EXPECT_EQ(parse_duration("30ms")->count(), 30'000'000);
    EXPECT_EQ(parse_duration("30")->count(), 30'000'000);
    EXPECT_EQ(parse_duration("30000000ns")->count(), 30'000'000);
    EXPECT_EQ(parse_duration("2s")->count(), 2'000'000'000);
    for (const char* text : {"", "ms", "-1ms", "1h", "99999999999999999999s", "3601s", "1 ms"})
        EXPECT_FALSE(parse_duration(text)) << text;
}

TEST_F(VerbTest, NamesOfEveryKind) {
    const std::string f = file("a", on("a"));
    for (int c = 1; c < 256; ++c) {
        const std::string name = std::string("n") + static_cast<char>(c);
        const bool control = c < 0x20 || c == 0x7f;
        EXPECT_EQ(xlp({"upload", "--", name, f}).code, control ? 3 : 0) << c;
        if (!control) {
            EXPECT_EQ(xlp({"list"}).code, 0);
            EXPECT_FALSE(xlp({"list", "--json"}).json().is_discarded()) << c;
            EXPECT_EQ(xlp({"unload", "--", name}).code, 0) << c;
        }
    }
    EXPECT_EQ(xlp({"upload", std::string(127, 'x'), f}).code, 0);
    EXPECT_EQ(xlp({"unload", std::string(127, 'x')}).code, 0);
    EXPECT_EQ(xlp({"upload", std::string(128, 'x'), f}).code, 3);
    EXPECT_EQ(xlp({"upload", "", f}).code, 3);
    // what another tool uploaded can be handled, whatever it is called
    ScriptedHypervisor other(xen);
    ASSERT_TRUE(other.upload("bell\a", make_payload(on("e")), false));
    EXPECT_THAT(xlp({"list"}).out, HasSubstr("bell\\x07"));
    EXPECT_EQ(xlp({"unload", "bell\a"}).code, 0);
}

TEST_F(VerbTest, FilesOfEveryName) {
    for (int c = 1; c < 256; ++c) {
        if (c == '/')
            continue;
        const std::string name = std::string("n") + static_cast<char>(c);
        const std::string f = file(name, on("a"));
        const bool good = c >= 0x20 && c != 0x7f;
        const auto expected = good ? std::vector<std::string>{name} : std::vector<std::string>();
        const auto forget = [&] {
            EXPECT_EQ(std::exchange(xen.stack, {}), expected) << c;
            EXPECT_EQ(std::exchange(xen.entries, {}).size(), expected.size()) << c;
        };
        EXPECT_EQ(xlp({"load", f}).code, good ? 0 : 3) << c;
        forget();
        EXPECT_EQ(xlp({"install", f}).code, good ? 0 : 3) << c;
        EXPECT_EQ(xlp({"sync"}).code, 0) << c;
        EXPECT_EQ(xlp({"sync", "--json"}).json()["plan"].size(), 0u) << c;
        EXPECT_FALSE(xlp({"status", "--json"}).json().is_discarded()) << c;
        forget();
        fs::remove_all(root.paths.store());
    }
}

TEST_F(VerbTest, WithoutAHypervisorItIsTheEnvironment) {
    machine.connect = [](Via) -> Result<std::unique_ptr<Hypervisor>> {
        return fail(environment("host.no-xen", "No hypervisor."));
    };
    for (const char* verb : {"list", "sync", "status"})
        EXPECT_EQ(xlp({verb}).code, 4) << verb;
    EXPECT_EQ(xlp({"status", "--monitor"}).code, 3);
}

TEST_F(VerbTest, ConcurrentLoadsDoNotMix) {
    constexpr int n = 8;
    xen.latency = Nanoseconds(0); // its clock stands still here
    std::vector<std::thread> threads;
    std::vector<int> ends(n, -1);
    for (int i = 0; i < n; ++i) {
        const std::string own = std::string("a").append(std::to_string(i));
        const Blob blob = *make_blob(on(own));
        threads.emplace_back([&, i, own, blob] {
            SystemClock real;
            Machine mine = machine;
            Settings settings;
            settings.lock_patience = std::chrono::seconds(60);
            auto o = open_operation({mine.connect, real, root.paths, {}, {}}, settings);
            if (!o)
                return;
            Findings f;
            auto done =
                o->executor->run({"load",
                                  {{Step::Kind::upload, own, std::make_shared<const Blob>(blob)},
                                   {Step::Kind::apply, own}}},
                                 f);
            ends[i] = done ? 0 : 1;
        });
    }
    for (std::thread& t : threads)
        t.join();
    // each stacks on the bare hypervisor: one is applied, the others leave nothing behind
    EXPECT_EQ(std::count(ends.begin(), ends.end(), 0), 1);
    EXPECT_EQ(std::count(ends.begin(), ends.end(), 1), n - 1);
    EXPECT_EQ(xen.entries.size(), 1u);
    EXPECT_EQ(xen.stack.size(), 1u);
}

TEST_F(VerbTest, AHeldLockIsNamedAndNotBroken) {
    auto held = Lock::take(root.paths.lock(), clock, Nanoseconds(0));
    ASSERT_TRUE(held);
    const Ran r = xlp({"load", "--lock-wait", "1s", file("a", on("a"))});
    EXPECT_EQ(r.code, 4);
    EXPECT_THAT(r.err, HasSubstr("host.locked"));
    EXPECT_THAT(r.err, HasSubstr(std::to_string(::getpid())));
    EXPECT_EQ(xlp({"list"}).code, 0) << "looking needs no lock";
    EXPECT_EQ(xlp({"load", "--lock", root.paths.root / "other.lock", file("a", on("a"))}).code, 0);
}

} // namespace
} // namespace xlp::host::test
