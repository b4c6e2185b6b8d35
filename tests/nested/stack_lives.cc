// SPDX-License-Identifier: GPL-2.0-only
// A stack that xlp-build made for Debian's hypervisor, of the patches in
// xen-patches/examples/stack: up, down from the top, and replaced by one cumulative payload, while
// a guest runs.
#include "payload/base/file.h"
#include "tests/nested/fixture.h"
#include "tools/common/process.h"

namespace xlp::qa {

namespace {

const char* const chain[] = {"1-count", "2-string", "3-mark", "4-string", "5-all"};

// What each step's script may use. `seen` takes what the version string must begin with, and keeps
// the number behind it in $last: it grows with every look, and is that of one variable.
constexpr char helpers[] = "last=$(cat /tmp/last 2>/dev/null || echo 0)\n"
                           "fail() { echo \"FAILED: $*\"; exit 1; }\n"
                           "seen() {\n"
                           "  now=$(cat /sys/hypervisor/version/extra); echo \"$now\"\n"
                           "  case $now in $1[0-9]*) ;; *) fail \"$now is not $1\" ;; esac\n"
                           "  [ ${now##*[!0-9]} -gt $last ] || fail \"$now after $last\"\n"
                           "  last=${now##*[!0-9]}; echo $last > /tmp/last\n"
                           "}\n";

Step script_step(const std::string& name, const std::string& text) {
    return {name, "script", name, helpers + text};
}

class NestedStack : public Nested {
protected:
    void SetUp() override {
        Nested::SetUp();
        require_launcher();
    }

    // Builds the chain and the payload that stands for it, each below those after it.
    std::vector<Member> payloads() {
        std::vector<Member> files;
        std::vector<std::string> below, supersedes, patches;
        for (const char* name : chain) {
            const std::string patch = std::string(XLP_STACK) + "/" + name + ".patch";
            const std::string payload = build(name, {patch}, below);
            files.push_back(regular_file(std::string("p/") + name + ".livepatch",
                                         read_text(payload).value_or("")));
            below.insert(below.end(), {"--below", payload + "=" + patch});
            supersedes.insert(supersedes.end(), {"--supersedes", payload});
            patches.push_back(patch);
        }
        const std::string all = build("all", patches, supersedes);
        files.push_back(regular_file("p/all.livepatch", read_text(all).value_or("")));
        return files;
    }

    std::string build(const std::string& name, const std::vector<std::string>& patches,
                      const std::vector<std::string>& options) {
        const fs::path root = assets.xen.parent_path().parent_path().parent_path();
        const std::string payload = folder->path() / (name + ".livepatch");
        std::vector<std::string> argv = {XLP_BUILD_TOOL, "payload",
                                         "--source",     root / "src",
                                         "--config",     root / "hv/boot/xen-4.17-amd64.config",
                                         "--xen-syms",   assets.xen_syms,
                                         "--name",       name,
                                         "-o",           payload};
        argv.insert(argv.end(), options.begin(), options.end());
        argv.insert(argv.end(), patches.begin(), patches.end());
        auto built = run_command({.argv = argv}, {});
        EXPECT_TRUE(built && built->status == 0) << (built ? built->err : "");
        return payload;
    }
};

} // namespace

TEST_F(NestedStack, FiveGoUpComeDownAndAreReplacedByOne) {
    auto kernel = read_text(fs::path(XLP_GUESTS) / "kernel32");
    ASSERT_TRUE(kernel);
    settings.silence = std::chrono::minutes(2);
    Scenario s;
    add_inmates(s, {{"pvh", *kernel, 1, 8, 1}});
    for (Member& m : payloads())
        s.files.push_back(std::move(m));
    s.steps = {
        script_step("one", "$XLP load /p/1-count.livepatch && seen '*#'"),
        script_step("two", "$XLP load /p/2-string.livepatch && seen 'two#'"),
        script_step("three", "$XLP load /p/3-mark.livepatch && seen 'two='"),
        script_step("four", "$XLP load /p/4-string.livepatch && seen 'four='"),
        script_step("five", "$XLP load /p/5-all.livepatch && seen 'five:'"),
        script_step("not from the middle",
                    "$XLP revert 3-mark; [ $? = 1 ] || fail $?; seen 'five:'"),
        script_step("down from the top", "$XLP revert 5-all && seen 'four=' && "
                                         "$XLP revert 4-string && seen 'two=' && "
                                         "$XLP revert 3-mark && seen 'two#' && "
                                         "$XLP revert 2-string && seen '*#'"),
        script_step("up again", "for n in 2-string 3-mark 4-string 5-all; do $XLP apply $n || "
                                "fail $n; done; seen 'five:'"),
        script_step("replaced by one",
                    "$XLP upload all /p/all.livepatch && $XLP replace all && rm /tmp/last\n"
                    "last=0; seen 'five:'; $XLP list"),
        script_step("and gone", "$XLP revert all && $XLP unload all && "
                                "case $(cat /sys/hypervisor/version/extra) in *:*) false ;; esac"),
        inmates_end()};
    auto bed = testbed();
    ASSERT_TRUE(bed);
    auto o = bed->run(s);
    ASSERT_TRUE(o);
    EXPECT_TRUE(o->passed()) << describe(*o);
}

} // namespace xlp::qa
