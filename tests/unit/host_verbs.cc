// SPDX-License-Identifier: GPL-2.0-only
// The tool as its users meet it: verbs, output and exit codes, on a scripted hypervisor.
#include "host_scripted.h"
#include "payload/manifest/manifest.h"
#include "payload/manifest/signature.h"
#include "tools/xlp/compat.h"
#include "tools/xlp/files.h"
#include "tools/xlp/verbs.h"

#include <cerrno>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <thread>

namespace xlp::host::test {
namespace {

namespace fs = std::filesystem;
using cli::Json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

struct Ran {
    int code;
    std::string out, err;
    Json json() const { return Json::parse(out, nullptr, false); }
};

struct VerbTest : ::testing::Test {
    TestClock clock;
    ScriptedXen xen{clock};
    Root root;
    Machine machine{[this](Via) -> Result<std::unique_ptr<Hypervisor>> {
                        return std::make_unique<ScriptedHypervisor>(xen);
                    },
                    clock,
                    root.paths,
                    {}};

    template <class F>
    Ran capture(std::vector<std::string> words, F run) {
        std::vector<char*> argv;
        for (std::string& w : words)
            argv.push_back(w.data());
        argv.push_back(nullptr);
        ::testing::internal::CaptureStdout();
        ::testing::internal::CaptureStderr();
        const int code = run(static_cast<int>(words.size()), argv.data());
        std::string out = ::testing::internal::GetCapturedStdout();
        return {code, out, ::testing::internal::GetCapturedStderr()};
    }
    Ran xlp(std::vector<std::string> words) {
        words.insert(words.begin(), "xlp");
        return capture(words, [&](int n, char** v) { return cli::run(tool(machine), n, v); });
    }
    Ran compat(std::vector<std::string> words) {
        words.insert(words.begin(), "xen-livepatch");
        return capture(words, [&](int n, char** v) { return run_xen_livepatch(machine, n, v); });
    }
    std::string file(const std::string& name, const PayloadSpec& spec) {
        return write_payload(root.paths.root / "files" / (name + ".livepatch"), spec);
    }
    // Into the store, with a manifest.
    fs::path store(const std::string& name, const PayloadSpec& spec,
                   std::vector<std::string> advisories = {},
                   std::vector<std::string> supersedes = {}) {
        const fs::path f =
            write_payload(root.paths.store() / spec.xen / (name + ".livepatch"), spec);
        auto m = *manifest::describe(make_payload(spec), f);
        m.advisories = std::move(advisories);
        m.supersedes = std::move(supersedes);
        m.tool = "xlp-build";
        EXPECT_TRUE(write_atomically(manifest::manifest_path(f), manifest::to_text(m)));
        return f;
    }
    void configure(const std::string& text) {
        ASSERT_TRUE(write_atomically(root.paths.config(), text));
    }
};

PayloadSpec on(const std::string& own, const std::string& below = xen_id) {
    return {id(own), below};
}

// ---- single steps

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

TEST_F(VerbTest, WithoutAHypervisorItIsTheEnvironment) {
    machine.connect = [](Via) -> Result<std::unique_ptr<Hypervisor>> {
        return fail(environment("host.no-xen", "No hypervisor."));
    };
    for (const char* verb : {"list", "sync", "status"})
        EXPECT_EQ(xlp({verb}).code, 4) << verb;
    EXPECT_EQ(xlp({"status", "--monitor"}).code, 3);
}

// ---- the store

TEST_F(VerbTest, InstallThenSyncThenNothingToDo) {
    EXPECT_EQ(xlp({"install", file("one", on("a")), file("two", on("b", id("a")))}).code, 0);
    EXPECT_TRUE(fs::exists(root.paths.store() / xen_id / "one.livepatch"));
    const Ran plan = xlp({"sync", "--dry-run"});
    EXPECT_EQ(plan.out, "would upload one\nwould upload two\nwould apply one\nwould apply two\n");
    EXPECT_TRUE(xen.entries.empty());
    EXPECT_EQ(xlp({"sync"}).code, 0);
    EXPECT_THAT(xen.stack, ElementsAre("one", "two"));
    const Ran again = xlp({"sync", "--json"});
    EXPECT_EQ(again.code, 0);
    EXPECT_TRUE(again.json()["plan"].empty());
}

TEST_F(VerbTest, TheOrderIsThatOfDependency) {
    store("a-last", on("c", id("b")));
    store("m-first", on("a"));
    store("z-second", on("b", id("a")));
    ASSERT_EQ(xlp({"sync"}).code, 0);
    EXPECT_THAT(xen.stack, ElementsAre("m-first", "z-second", "a-last"));
}

TEST_F(VerbTest, ACumulativePayloadReplacesTheStack) {
    store("one", on("a"), {"XSA-1"});
    store("two", on("b", id("a")), {"XSA-2"});
    ASSERT_EQ(xlp({"sync"}).code, 0);
    store("all", on("c"), {"XSA-1", "XSA-2", "XSA-3"}, {id("a"), id("b")});
    EXPECT_THAT(
        xlp({"sync", "--dry-run"}).out,
        "would upload all\nwould replace all with all\nwould unload two\nwould unload one\n");
    ASSERT_EQ(xlp({"sync"}).code, 0);
    EXPECT_THAT(xen.stack, ElementsAre("all"));
    EXPECT_EQ(xen.entries.size(), 1u);
}

TEST_F(VerbTest, HooksThatObjectMeanRevertFirst) {
    store("one", on("a"));
    ASSERT_EQ(xlp({"sync"}).code, 0);
    store("all", on("c"), {}, {id("a")});
    xen.hypervisor_ids_with_veto.insert(id("c"));
    const Ran r = xlp({"sync"});
    EXPECT_EQ(r.code, 0) << r.err;
    EXPECT_THAT(r.err, HasSubstr("sync.no-replace"));
    EXPECT_THAT(xen.stack, ElementsAre("all"));
}

TEST_F(VerbTest, AnUpdateUnderTheSameNameFindsAnotherName) {
    store("fix", on("a"));
    ASSERT_EQ(xlp({"sync"}).code, 0);
    fs::remove_all(root.paths.store());
    store("fix", on("c"), {}, {id("a")});
    ASSERT_EQ(xlp({"sync"}).code, 0);
    EXPECT_THAT(xen.stack, ElementsAre("fix~" + id("c").substr(0, 8)));
    EXPECT_EQ(xen.entries.size(), 1u);
    EXPECT_EQ(xlp({"sync", "--json"}).json()["plan"].size(), 0u);
}

TEST_F(VerbTest, XenServersLinkChooses) {
    store("lp_1", on("a"));
    store("lp_2", on("b"));
    EXPECT_EQ(xlp({"sync"}).code, 1) << "two that stack on the same";
    fs::create_symlink("lp_2.livepatch", root.paths.store() / xen_id / "livepatch.livepatch");
    EXPECT_EQ(xlp({"sync"}).code, 0);
    EXPECT_THAT(xen.stack, ElementsAre("lp_2"));
}

TEST_F(VerbTest, WhatTheStoreLostStaysUnlessPruned) {
    store("one", on("a"));
    fs::path two = store("two", on("b", id("a")));
    ASSERT_EQ(xlp({"sync"}).code, 0);
    fs::remove(two);
    const Ran r = xlp({"sync"});
    EXPECT_EQ(r.code, 0);
    EXPECT_THAT(r.err, HasSubstr("store.surplus"));
    EXPECT_THAT(xen.stack, ElementsAre("one", "two"));
    EXPECT_EQ(xlp({"sync", "--prune"}).code, 0);
    EXPECT_THAT(xen.stack, ElementsAre("one"));
}

TEST_F(VerbTest, AnotherToolsPayloadIsNotTakenDown) {
    ScriptedHypervisor other(xen);
    ASSERT_TRUE(other.upload("theirs", make_payload(on("f")), false));
    ASSERT_TRUE(other.act(Action::apply, "theirs", 30'000'000, 0));
    clock.sleep(std::chrono::seconds(1));
    store("one", on("a"));
    const Ran r = xlp({"sync"});
    EXPECT_EQ(r.code, 1);
    EXPECT_THAT(r.err, HasSubstr("store.unknown"));
    EXPECT_THAT(xen.stack, ElementsAre("theirs"));
}

TEST_F(VerbTest, AStackThatXlpForgotIsRecognised) {
    store("one", on("a"), {"XSA-1"});
    ASSERT_EQ(xlp({"sync"}).code, 0);
    fs::remove_all(root.paths.run());
    EXPECT_EQ(xlp({"sync", "--json"}).json()["plan"].size(), 0u);
    EXPECT_EQ(xlp({"status"}).code, 0);
}

TEST_F(VerbTest, AtBootTheSwitchesAreHeeded) {
    store("one", on("a"));
    ASSERT_TRUE(write_atomically(root.paths.kernel_command_line(), "root=/dev/x xlp=off quiet\n"));
    EXPECT_EQ(xlp({"sync", "--boot"}).code, 0);
    EXPECT_TRUE(xen.entries.empty());
    ASSERT_TRUE(write_atomically(root.paths.kernel_command_line(), "root=/dev/x xlp=offline\n"));
    xen.identity.command_line = "dom0_mem=1G xlp=off";
    EXPECT_THAT(xlp({"sync", "--boot"}).out, HasSubstr("hypervisor's command line"));
    EXPECT_TRUE(xen.entries.empty());
    xen.identity.command_line.clear();
    configure("sync-at-boot = false\n");
    EXPECT_EQ(xlp({"sync", "--boot"}).code, 0);
    EXPECT_TRUE(xen.entries.empty());
    EXPECT_EQ(xlp({"sync"}).code, 0) << "by hand it works all the same";
    EXPECT_THAT(xen.stack, ElementsAre("one"));
}

TEST_F(VerbTest, AfterACrashSyncWaitsForAWord) {
    store("one", on("a"));
    xen.on_call = [](ScriptedXen& x, int) {
        if (x.find("one") && x.find("one")->pending)
            throw Killed{}; // the host with it
    };
    EXPECT_THROW(xlp({"sync", "--boot"}), Killed);
    ::testing::internal::GetCapturedStdout();
    ::testing::internal::GetCapturedStderr();
    xen.on_call = nullptr;
    xen.entries.clear();
    root.reboot("second");
    const Ran r = xlp({"sync", "--boot"});
    EXPECT_EQ(r.code, 1);
    EXPECT_THAT(r.err, HasSubstr("sync.crash"));
    EXPECT_THAT(r.err, HasSubstr("one"));
    EXPECT_TRUE(xen.entries.empty());
    EXPECT_EQ(xlp({"status", "--json"}).json()["crashed"], true);
    EXPECT_EQ(xlp({"sync", "--after-crash"}).code, 0);
    EXPECT_THAT(xen.stack, ElementsAre("one"));
    root.reboot("third");
    xen.entries.clear();
    xen.stack.clear();
    EXPECT_EQ(xlp({"sync", "--boot"}).code, 0);
}

TEST_F(VerbTest, SyncDoesNotApplyWhatItCannotGuard) {
    store("one", on("a"));
    ASSERT_TRUE(write_atomically(root.paths.root / "var", "in the way"));
    EXPECT_EQ(xlp({"sync"}).code, 4);
    EXPECT_TRUE(xen.stack.empty());
}

TEST_F(VerbTest, InstallTakesNoOtherBytesUnderAName) {
    ASSERT_EQ(xlp({"install", file("one", on("a"))}).code, 0);
    EXPECT_EQ(xlp({"install", file("one", on("a"))}).code, 0) << "the same again";
    EXPECT_EQ(xlp({"install", file("one", on("c"))}).code, 1);
    EXPECT_EQ(xlp({"install", "--force", file("one", on("c"))}).code, 0);
}

TEST_F(VerbTest, AStoreThatCannotBeWrittenIsTheEnvironment) {
    ASSERT_TRUE(write_atomically(root.paths.root / "usr", "in the way"));
    const Ran r = xlp({"install", file("one", on("a"))});
    EXPECT_EQ(r.code, 4);
    EXPECT_THAT(r.err, HasSubstr("host.disk"));
}

TEST_F(VerbTest, InstallNeedsAPayload) {
    ASSERT_TRUE(write_atomically(root.paths.root / "x.livepatch", "not an ELF file"));
    EXPECT_EQ(xlp({"install", root.paths.root / "x.livepatch"}).code, 3);
    PayloadSpec homeless = on("a");
    homeless.omit = ".livepatch.xen_depends";
    EXPECT_EQ(xlp({"install", file("y", homeless)}).code, 1);
}

// ---- signatures

struct SignedTest : VerbTest {
    manifest::Key key;

    SignedTest() {
        const fs::path pem = root.paths.root / "private.pem";
        manifest::KeyHandle pair(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
        std::FILE* f = std::fopen(pem.c_str(), "w");
        PEM_write_PrivateKey(f, pair.get(), nullptr, nullptr, 0, nullptr, nullptr);
        std::fclose(f);
        fs::create_directories(root.paths.keys());
        f = std::fopen((root.paths.keys() / "publisher.pem").c_str(), "w");
        PEM_write_PUBKEY(f, pair.get());
        std::fclose(f);
        key = *manifest::read_private_key(pem);
    }
    void sign(const fs::path& payload) {
        auto bytes = *elf::read_file(payload);
        auto text = read_if_there(manifest::manifest_path(payload));
        ASSERT_TRUE(write_atomically(manifest::signature_path(payload),
                                     *manifest::sign(bytes, (*text).value_or(""), key)));
    }
};

TEST_F(SignedTest, RequiredSignaturesAreRequiredEverywhere) {
    configure("signatures = \"require\"\n");
    const std::string f = file("a", on("a"));
    store("one", on("a"));
    for (const std::vector<std::string>& words :
         std::vector<std::vector<std::string>>{{"load", f},
                                               {"upload", "x", f},
                                               {"install", f},
                                               {"sync"},
                                               {"verify", f},
                                               {"load", "--force", f}}) {
        EXPECT_EQ(xlp(words).code, 1) << words[0];
        EXPECT_TRUE(xen.entries.empty()) << words[0];
    }
}

TEST_F(SignedTest, GoodSignaturesAreTaken) {
    configure("signatures = \"require\"\n");
    sign(store("one", on("a")));
    EXPECT_EQ(xlp({"sync"}).code, 0);
    EXPECT_THAT(xen.stack, ElementsAre("one"));
    const Json j = xlp({"verify", "--json", root.paths.store() / xen_id / "one.livepatch"}).json();
    EXPECT_EQ(j["payloads"][0]["signed_by"], key.id);
}

TEST_F(SignedTest, WrongSignaturesAreRefusedAlsoWhereNoneIsRequired) {
    const fs::path f = store("one", on("a"));
    sign(f);
    auto m = *manifest::parse(**read_if_there(manifest::manifest_path(f)), "m");
    m.title = "something else";
    ASSERT_TRUE(write_atomically(manifest::manifest_path(f), manifest::to_text(m)));
    EXPECT_EQ(xlp({"sync"}).code, 1);
    EXPECT_TRUE(xen.entries.empty());
    configure("signatures = \"off\"\n");
    EXPECT_EQ(xlp({"sync"}).code, 0);
}

TEST_F(SignedTest, UnsignedIsWorthAWarningWhereKeysAreInstalled) {
    const Ran r = xlp({"load", file("a", on("a"))});
    EXPECT_EQ(r.code, 0);
    EXPECT_THAT(r.err, HasSubstr("signature.missing"));
}

TEST_F(VerbTest, AMisspeltPolicyIsAnError) {
    for (const char* text : {"signatures = \"required\"\n", "signature = \"off\"\n",
                             "signatures = 1\n", "signatures = \n", "store = \"relative\"\n"}) {
        configure(text);
        const Ran r = xlp({"load", file("a", on("a"))});
        EXPECT_EQ(r.code, 3) << text;
        EXPECT_THAT(r.err, HasSubstr("xlp.conf:1")) << text;
    }
    EXPECT_TRUE(xen.entries.empty());
}

// ---- status

TEST_F(VerbTest, StatusAnswersTheQuestion) {
    EXPECT_EQ(xlp({"status"}).code, 4) << "nothing to compare with";
    EXPECT_EQ(xlp({"status", "--monitor"}).code, 3);
    store("one", on("a"), {"XSA-1"});
    store("two", on("b", id("a")), {"XSA-2"});
    PayloadSpec other = on("c", id("77"));
    other.xen = id("77");
    store("elsewhere", other, {"XSA-1", "XSA-9"});
    ASSERT_EQ(xlp({"load", root.paths.store() / xen_id / "one.livepatch"}).code, 0);
    const Ran no = xlp({"status", "--json"});
    EXPECT_EQ(no.code, 1);
    const Json j = no.json();
    EXPECT_EQ(j["schema"], "xlp.status/1");
    EXPECT_EQ(j["protected"], false);
    EXPECT_EQ(j["stack"][0]["name"], "one");
    EXPECT_EQ(j["stack"][0]["functions"], Json({"do_xen_version"}));
    EXPECT_NE(j["stack"][0]["applied_at"], "");
    EXPECT_EQ(j["fixed"], Json({"XSA-1"}));
    EXPECT_EQ(j["open"], Json({"XSA-2"}));
    EXPECT_EQ(j["elsewhere"], Json({"XSA-9"}));
    const Ran critical = xlp({"status", "--monitor"});
    EXPECT_EQ(critical.code, 2);
    EXPECT_EQ(critical.out,
              "XLP CRITICAL - 1 payloads in effect, 1 missing: XSA-2 | payloads=1 missing=1\n");
    ASSERT_EQ(xlp({"sync"}).code, 0);
    EXPECT_EQ(xlp({"status"}).code, 0);
    EXPECT_THAT(xlp({"status"}).out, HasSubstr("Protected: yes"));
    EXPECT_EQ(xlp({"status", "--monitor"}).code, 0);
}

TEST_F(VerbTest, ModinfoTellsWhatNoFileTells) {
    PayloadSpec spec = on("a");
    spec.modinfo = std::string("title=t\0advisories=XSA-5 XSA-6\0", 32);
    ScriptedHypervisor other(xen);
    ASSERT_TRUE(other.upload("theirs", make_payload(spec), false));
    ASSERT_TRUE(other.act(Action::apply, "theirs", 30'000'000, 0));
    clock.sleep(std::chrono::seconds(1));
    const Json j = xlp({"status", "--json"}).json();
    EXPECT_EQ(j["fixed"], Json({"XSA-5", "XSA-6"}));
    EXPECT_EQ(j["stack"][0]["title"], "t");
}

TEST_F(VerbTest, MetricsAreWrittenWholeAndAlsoWithoutAHypervisor) {
    store("one", on("a"), {"XSA-1"});
    const fs::path file_ = root.paths.root / "xlp.prom";
    xlp({"status", "--prometheus", file_});
    EXPECT_THAT(**read_if_there(file_), HasSubstr("xlp_protected 0\n"));
    EXPECT_THAT(**read_if_there(file_), HasSubstr("xlp_advisory_fixed{advisory=\"XSA-1\"} 0\n"));
    ASSERT_EQ(xlp({"sync"}).code, 0);
    xlp({"status", "--prometheus", file_});
    EXPECT_THAT(**read_if_there(file_), HasSubstr("xlp_protected 1\n"));
    EXPECT_THAT(**read_if_there(file_), HasSubstr("xlp_advisory_fixed{advisory=\"XSA-1\"} 1\n"));
    machine.connect = [](Via) -> Result<std::unique_ptr<Hypervisor>> {
        return fail(environment("host.no-xen", "No hypervisor."));
    };
    EXPECT_EQ(xlp({"status", "--prometheus", file_}).code, 4);
    EXPECT_THAT(**read_if_there(file_), HasSubstr("xlp_up 0\n"));
}

// ---- several at once

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
            auto o = open_operation({mine.connect, real, root.paths, {}},
                                    {Via::automatic, {}, {}, std::chrono::seconds(60), {}});
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

// ---- xen-livepatch

TEST_F(VerbTest, TheOldToolsTable) {
    EXPECT_EQ(compat({"list"}).out, "Nothing to list\n");
    PayloadSpec spec = on("a");
    spec.modinfo = std::string("one=1\0two=2\0", 12);
    EXPECT_EQ(compat({"load", file("a.b", spec)}).out,
              "Uploading " + file("a.b", spec) + "... completed\nApplying a.b... completed\n");
    EXPECT_EQ(compat({"upload", "wait", file("w", on("d"))}).code, 0);
    xen.find("wait")->status.rc = -EBUSY;
    EXPECT_EQ(
        compat({"list"}).out,
        " ID                                     | status     | metadata\n"
        "----------------------------------------+------------+---------------\n"
        "a.b                                     | APPLIED    | one=1;two=2\n"
        "wait                                    | CHECKED (16, Device or resource busy)    | "
        "\n");
    xen.identity.minor = 13;
    EXPECT_THAT(compat({"list"}).out, StartsWith(" ID                                     | "
                                                 "status\n"));
}

TEST_F(VerbTest, TheOldToolsWordsAndCodes) {
    EXPECT_EQ(compat({"upload", "a", file("a", on("a"))}).code, 0);
    EXPECT_EQ(compat({"apply", "a"}).out, "Applying a... completed\n");
    EXPECT_EQ(compat({"apply", "a"}).out, "No action needed.\n");
    EXPECT_EQ(compat({"unload", "a"}).code, 1);
    EXPECT_THAT(compat({"unload", "a"}).err, HasSubstr("a is in the wrong state."));
    EXPECT_EQ(compat({"rev", "a"}).code, 0) << "up to 4.18 a beginning was enough";
    EXPECT_EQ(compat({"unload", "a"}).code, 0);
    EXPECT_EQ(compat({"apply", "a"}).code, 1);
    EXPECT_EQ(compat({"nonsense"}).code, 1);
    EXPECT_EQ(compat({}).code, 0);
    EXPECT_EQ(compat({"apply", "a", "--bogus"}).code, 1);
    ASSERT_EQ(compat({"upload", "b", file("b", on("b", id("99")))}).code, 0);
    EXPECT_EQ(compat({"apply", "b"}).code, 1);
    EXPECT_EQ(compat({"apply", "b", "--nodeps"}).code, 0);
    xen.rendezvous = std::chrono::seconds(100);
    EXPECT_EQ(compat({"revert", "b"}).code, 2) << "worth another try";
}

} // namespace
} // namespace xlp::host::test
