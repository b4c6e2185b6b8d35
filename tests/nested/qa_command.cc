// SPDX-License-Identifier: GPL-2.0-only
// The program xlp-qa itself: what it writes, and that QEMU never outlives it.
#include "payload/base/file.h"
#include "tests/nested/fixture.h"
#include "tools/common/process.h"

#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sys/wait.h>
#include <thread>

namespace xlp::qa {

using testing::HasSubstr;

namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

// Polls until `holds` does; false when it does not within a generous limit.
template <class Condition>
bool eventually(Condition holds) {
    for (auto end = Clock::now() + 120s; Clock::now() < end; std::this_thread::sleep_for(10ms))
        if (holds())
            return true;
    return false;
}

std::string text_of(const fs::path& proc_file) {
    std::ifstream in(proc_file);
    return {std::istreambuf_iterator<char>(in), {}};
}

// The QEMU that a process runs a machine with; 0 for none yet.
pid_t emulator_of(pid_t parent) {
    const fs::path proc = "/proc";
    const std::string task = std::to_string(parent);
    std::istringstream children(text_of(proc / task / "task" / task / "children"));
    for (std::string child; children >> child;)
        if (text_of(proc / child / "cmdline").find("-incoming") != std::string::npos)
            return std::stoi(child);
    return 0;
}

bool is_gone(pid_t pid) {
    return kill(pid, 0) != 0 && errno == ESRCH;
}

class NestedCommand : public Nested {
protected:
    fs::path file(const Payload& p) { return script(p.name + ".livepatch", p.bytes); }

    std::vector<std::string> command(const char* verb, std::vector<std::string> rest) {
        std::vector<std::string> argv = {
            XLP_QA_TOOL, verb,          "--xen", assets.xen, "--xen-syms", assets.xen_syms,
            "--kernel",  assets.kernel, "--xlp", assets.xlp, "--cache",    settings.cache};
        argv.insert(argv.end(), rest.begin(), rest.end());
        return argv;
    }

    // xlp-qa at work on a payload that makes the machine hang, with its QEMU.
    std::pair<Child, pid_t> hanging() {
        Payload p = assemble("hang", {.options = {"-DHANG_WHEN_CALLED"}});
        fs::path probe = script("probe", "#!/bin/sh\ncat /sys/hypervisor/version/extra\n");
        auto child = Child::start(command("run", {file(p), "--probe", probe}), {});
        EXPECT_TRUE(child);
        pid_t emulator = 0;
        EXPECT_TRUE(eventually([&] { return (emulator = emulator_of(child->pid())) != 0; }));
        return {std::move(*child), emulator};
    }

    unsigned scratch_folders() {
        unsigned n = 0;
        for (const auto& entry : fs::directory_iterator(settings.cache))
            n += entry.path().filename().string().starts_with("run-");
        return n;
    }
};

} // namespace

TEST_F(NestedCommand, RunWritesJsonAndJUnit) {
    fs::path junit = folder->path() / "result.xml";
    auto done = run_command({.argv = command("run", {file(assemble("fix", {})), "--cycles", "1",
                                                     "--json", "--junit", junit}),
                             .environment = {}},
                            {});
    ASSERT_TRUE(done);
    EXPECT_EQ(done->status, 0) << done->out;
    auto doc = nlohmann::json::parse(done->out, nullptr, false);
    ASSERT_TRUE(doc.is_object()) << done->out;
    EXPECT_EQ(doc["passed"], true);
    EXPECT_EQ(doc["running_build_id"], doc["hypervisor"]["build_id"]);
    EXPECT_EQ(doc["steps"].size(), 5u); // boot, upload, apply, revert, unload
    auto xml = read_text(junit);
    ASSERT_TRUE(xml);
    EXPECT_THAT(*xml, HasSubstr("<testsuite name=\"fix\" tests=\"5\" failures=\"0\" errors=\"0\""));
    EXPECT_THAT(*xml, HasSubstr("name=\"apply fix\""));
}

TEST_F(NestedCommand, BatchRunsEachOnItsOwnMachine) {
    settings.cache = fs::path(XLP_NESTED_WORK) / "cache";
    auto done = run_command(
        {.argv = command("batch", {file(assemble("one", {})),
                                   file(assemble("two", {.options = {"-DDIE_AT_APPLY"}})),
                                   file(assemble("three", {})), "--cycles", "1", "--json"}),
         .environment = {}},
        {});
    ASSERT_TRUE(done);
    EXPECT_EQ(done->status, 1);
    auto doc = nlohmann::json::parse(done->out, nullptr, false);
    ASSERT_TRUE(doc.is_object()) << done->out;
    ASSERT_EQ(doc["runs"].size(), 3u);
    EXPECT_EQ(doc["runs"][0]["passed"], true);
    EXPECT_EQ(doc["runs"][1]["death"]["kind"], "panic");
    EXPECT_EQ(doc["runs"][2]["passed"], true);
}

TEST_F(NestedCommand, InterruptEndsQemuAndTidiesUp) {
    settings.cache = folder->path() / "cache"; // a cache of its own, to see what is left there
    {
        Plan plan;
        plan.payloads = {assemble("first", {})};
        EXPECT_TRUE(run(plan).passed()); // so that the state is there
    }
    auto [child, emulator] = hanging();
    kill(child.pid(), SIGINT);
    int status = child.wait();
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT) << status;
    EXPECT_TRUE(is_gone(emulator));
    EXPECT_EQ(scratch_folders(), 0u);
}

TEST_F(NestedCommand, KilledWithoutWarningItTakesQemuWithIt) {
    auto [child, emulator] = hanging();
    kill(child.pid(), SIGKILL);
    child.wait();
    EXPECT_TRUE(eventually([pid = emulator] { return is_gone(pid); }));
}

} // namespace xlp::qa
