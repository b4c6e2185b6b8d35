// SPDX-License-Identifier: GPL-2.0-only
// Trial periods across real reboots: systemd starts xlp in a dom0 with a persistent disk, and the
// machine stops because of a payload, a power cut, or an orderly shutdown.
#include "tests/nested/dom0.h"
#include "tests/nested/fixture.h"

#include "payload/base/file.h"

#include <sstream>

namespace xlp::qa {

using testing::HasSubstr;
using testing::StartsWith;

namespace {

const std::string id_first(16, '1'), id_second(16, '2'), id_third(16, '3');

// Helpers for each step's script.
constexpr char step_helpers[] = R"sh(
fail() { echo "FAILED: $*"; cat /var/lib/xlp/*.json; journalctl -b -u 'xlp-*' -o short-monotonic; systemctl --failed --no-legend; exit 1; }
# "first=APPLIED second=APPLIED"
stack() { xlp list | while read -r n s _; do case $s in APPLIED|CHECKED) printf '%s=%s ' "$n" "$s";; esac; done; }
has() { [ "$(stack)" = "$*${*:+ }" ] || fail "$(xlp list)"; }
# the system is up: every job of the boot has ended
up() { systemctl is-system-running --wait; systemctl is-active -q multi-user.target || fail "no multi-user.target"; }
unit() { systemctl show -P "$2" "$1"; }
said() { journalctl -b -o cat -u xlp-sync.service; }
# by what programs may rely on, not by the words
held() { said | grep 'sync\.held' | grep -q "${1:-}.*xlp sync --after-crash"; }
on_trial() { xlp status --json | tr -d ' \n' | grep -q "\"on_trial\":\[[^]]*\"$1\"" || fail "$(xlp status)"; }
no_complaint() {
    [ "$(unit xlp-sync.service ActiveState)" = active ] || fail "$(said)"
    [ -z "$(journalctl -b -o cat -p warning -t xlp)" ] || fail "$(journalctl -b -o cat -p warning -t xlp)"
    xlp status --json | grep -q '"crashed": false' || fail "$(xlp status)"
}
until_true() { for ((i = 0; i < 600; i++)); do "$@" && return; read -rt 0.1 <> <(:); done; fail "never: $*"; }
gone() { [ ! -e "$1" ]; }
)sh";

Step dom0_step(const std::string& name, const std::string& text) {
    return {name, "script", name, std::string(step_helpers) + text};
}

// What the package tells the administrator to do after installation.
std::string documented_enabling() {
    auto text = read_text(XLP_OPERATING);
    EXPECT_TRUE(text);
    std::istringstream lines(text ? *text : "");
    std::string all;
    for (std::string line; std::getline(lines, line);)
        if (line.starts_with("    systemctl "))
            all += line.substr(4) + " || fail enable\n";
    EXPECT_THAT(all, HasSubstr("xlp-sync.service"));
    return all;
}

} // namespace

class NestedReboot : public Nested {
protected:
    void SetUp() override {
        Nested::SetUp();
        if (IsSkipped() || HasFatalFailure())
            return;
        settings.limit = std::chrono::seconds(300); // per life
        auto made = Dom0::make(assets, settings, folder->path());
        if (!made && made.error().front().code == "qa.no-dom0" && !getenv("XLP_REQUIRE_NESTED"))
            GTEST_SKIP() << "No Debian for dom0: " << made.error().front().why;
        ASSERT_TRUE(made) << made.error().front().why;
        dom0.emplace(std::move(*made));
        // `second' kills the hypervisor, long after it was applied: when dom0 gives up a device
        add("first",
            {.extra = "-first", .own = id_first, .options = {"-Dxlp_sample=xlp_sample_first"}});
        add("second", {.extra = "-second",
                       .depends = id_first,
                       .own = id_second,
                       .options = {"-Dxlp_sample=xlp_sample_second", "-DREPLACED=pci_remove_device",
                                   "-DDIE_WHEN_CALLED"}});
        add("third", {.extra = "-third",
                      .depends = id_second,
                      .own = id_third,
                      .options = {"-Dxlp_sample=xlp_sample_third"}});
    }

    void add(const std::string& name, const Sample& sample) {
        files.push_back(regular_file("p/" + name + ".livepatch", assemble(name, sample).bytes));
    }

    // All steps pass; the last one may end the machine.
    Life lives(const std::string& name, const std::vector<Step>& steps, End end) {
        SCOPED_TRACE(name);
        Scenario s;
        s.files = files;
        s.steps = steps;
        auto life = dom0->live(s, end);
        if (!life) {
            ADD_FAILURE() << life.error().front().why;
            return {};
        }
        write_serial(name, life->outcome.serial);
        RecordProperty("seconds_of_" + name, std::to_string(life->outcome.seconds));
        std::printf("%s: %.0f s\n", name.c_str(), life->outcome.seconds);
        return std::move(*life);
    }

    // A life without faults, ended through systemd or by a power cut.
    void lives_well(const std::string& name, std::vector<Step> steps, End end,
                    const std::string& last_word = "systemctl reboot") {
        if (end == End::by_itself)
            steps.push_back(dom0_step("end", last_word + "\nsleep infinity"));
        Life life = lives(name, steps, end);
        const bool powers_off = last_word.find("poweroff") != std::string::npos;
        for (const StepResult& r : life.outcome.steps) {
            if (r.step.name == "end")
                continue;
            ASSERT_EQ(r.verdict, Verdict::passed) << name << '\n' << describe(life.outcome);
        }
        if (end == End::by_itself) {
            ASSERT_EQ(life.how, powers_off ? "guest-shutdown" : "guest-reset") << name;
        }
        if (life.outcome.death) {
            ASSERT_EQ(life.outcome.death->kind, DeathKind::reset) << describe(life.outcome);
        }
    }

    void write_serial(const std::string& name, const std::string& text) {
        if (const char* to = getenv("XLP_KEEP_SERIAL")) {
            EXPECT_TRUE(write_file(fs::path(to) / (name + ".serial"), text));
        }
    }

    // A host on which `first' is settled.
    std::vector<Step> first_steps() {
        return {dom0_step("a Debian dom0", "up\n"
                                           "systemctl is-active xen xendomains || fail xen\n"
                                           "[ -z \"$(systemctl --failed --no-legend)\" ] || fail"),
                dom0_step("enable", documented_enabling()),
                // not one of xlp's units: shows what is applied when guests are about to start
                dom0_step("witness", "d=/etc/systemd/system/xendomains.service.d; mkdir -p $d\n"
                                     "printf '[Service]\\nExecStartPre=/bin/sh -c \"xlp list >"
                                     "/run/at-guests 2>&1\"\\n' >$d/witness.conf\n"
                                     "systemctl daemon-reload"),
                dom0_step("first", "cd /run/test/p && xlp install first.livepatch && xlp sync && "
                                   "has first=APPLIED\n"
                                   "on_trial first")};
    }

    std::optional<Dom0> dom0;
    std::vector<Member> files;
};

TEST_F(NestedReboot, ACrashLeavesOutWhatWasOnTrialUntilAWord) {
    std::vector<Step> steps = first_steps();
    // a shorter settle time; the timer already ran while nothing was on trial
    steps.push_back(dom0_step("the timer settles",
                              "mkdir -p /etc/xlp /etc/systemd/system/xlp-settle.timer.d\n"
                              "echo 'settle-time = \"2s\"' >/etc/xlp/xlp.conf\n"
                              "printf '[Timer]\\nOnBootSec=\\nOnBootSec=1\\nOnUnitActiveSec=3\\n"
                              "OnUnitInactiveSec=3\\nAccuracySec=1\\n' "
                              ">/etc/systemd/system/xlp-settle.timer.d/fast.conf\n"
                              "systemctl daemon-reload && systemctl restart xlp-settle.timer\n"
                              "until_true gone /var/lib/xlp/trial.json\n"
                              "systemctl stop xlp-settle.timer\n"
                              "rm -r /etc/xlp/xlp.conf /etc/systemd/system/xlp-settle.timer.d\n"
                              "systemctl daemon-reload && systemctl start xlp-settle.timer\n"
                              "journalctl -o cat -b -t xlp | grep 'settle: first' || fail trail"));
    steps.push_back(dom0_step("on trial", "cd /run/test/p && xlp install second.livepatch && "
                                          "xlp sync && has first=APPLIED second=APPLIED\n"
                                          "on_trial second"));
    steps.push_back(dom0_step("called", "echo 1 >/sys/bus/pci/devices/0000:00:01.3/remove"));
    const Life first = lives("first", steps, End::power_cut);
    for (const StepResult& r : first.outcome.steps)
        ASSERT_EQ(r.verdict, r.step.name == "called" ? Verdict::died : Verdict::passed)
            << describe(first.outcome);
    ASSERT_TRUE(first.outcome.death);
    EXPECT_EQ(first.outcome.death->kind, DeathKind::panic);
    EXPECT_THAT(first.outcome.death->place, StartsWith("xlp_sample_second+"));

    ASSERT_NO_FATAL_FAILURE(lives_well(
        "after the crash",
        {dom0_step("up", "up; has first=APPLIED"),
         dom0_step("said",
                   "[ \"$(unit xlp-sync.service Result)\" = exit-code ] || fail unit\n"
                   "[ \"$(unit xlp-sync.service ExecMainStatus)\" = 1 ] || fail unit\n"
                   "held second || fail \"$(said)\"\n"
                   "xlp status >/run/status 2>&1; [ $? = 4 ] || fail \"$(cat /run/status)\"\n"
                   "grep -q 'xlp sync --after-crash' /run/status || fail\n"
                   "xlp status --json | grep -q '\"crashed\": true' || fail"),
         dom0_step("order",
                   "grep '^first .*APPLIED' /run/at-guests || fail \"$(cat /run/at-guests)\"\n"
                   "a=$(unit xlp-sync.service ExecMainExitTimestampMonotonic)\n"
                   "b=$(unit xendomains.service InactiveExitTimestampMonotonic)\n"
                   "[ \"$a\" -gt 0 ] && [ \"$a\" -le \"$b\" ] || fail \"$a $b\"")},
        End::by_itself));

    ASSERT_NO_FATAL_FAILURE(lives_well(
        "no loop",
        {dom0_step("still held", "up; has first=APPLIED; held || fail \"$(said)\""),
         dom0_step("by one word", "xlp sync --after-crash && has first=APPLIED second=APPLIED\n"
                                  "systemctl restart xlp-sync.service || fail unit\n"
                                  "on_trial second")},
        End::by_itself, "systemctl poweroff"));

    ASSERT_NO_FATAL_FAILURE(lives_well(
        "after a shutdown",
        {dom0_step("no complaint", "up; has first=APPLIED second=APPLIED; no_complaint\n"
                                   "[ \"$(systemctl is-system-running)\" = running ] || fail"),
         dom0_step("trail", "journalctl -b -1 -o cat -t xlp | grep 'settle: second' || fail")},
        End::power_cut));
}

// Ends at all other moments: none of them holds anything back.
TEST_F(NestedReboot, NothingElseIsTakenForACrash) {
    const Step settle = dom0_step("settle", "xlp settle --now");
    std::vector<Step> steps = first_steps();
    steps.push_back(settle);
    steps.push_back(dom0_step("install", "cd /run/test/p && xlp install second.livepatch"));
    ASSERT_NO_FATAL_FAILURE(lives_well("cut before an apply", steps, End::power_cut));

    ASSERT_NO_FATAL_FAILURE(lives_well(
        "SIGTERM",
        {dom0_step("no complaint", "up; has first=APPLIED second=APPLIED; no_complaint"), settle,
         dom0_step(
             "signals",
             "cd /run/test/p && xlp install third.livepatch\n"
             "for s in TERM INT; do for ms in 010 050 100 200 400 800; do\n"
             "  xlp sync >/dev/null 2>&1 & p=$!\n"
             "  read -rt 0.$ms <> <(:); kill -$s $p; wait $p\n"
             "  case $(stack) in\n"
             "  'first=APPLIED second=APPLIED ') gone /var/lib/xlp/trial.json || fail trial;;\n"
             "  'first=APPLIED second=APPLIED third=APPLIED ')\n"
             "    xlp revert third && xlp unload third || fail revert;;\n"
             "  *) fail \"$(stack)\";;\n"
             "  esac\n"
             "done; done"),
         dom0_step("on trial", "xlp sync && on_trial third")},
        End::by_itself));

    ASSERT_NO_FATAL_FAILURE(lives_well(
        "a shutdown during the trial",
        {dom0_step("no complaint", "up; has first=APPLIED second=APPLIED third=APPLIED\n"
                                   "no_complaint"),
         // xlp-sync.service will be slow, once
         dom0_step("a slow check",
                   "mkdir -p /etc/xlp/health.d; cd /etc/xlp/health.d\n"
                   "printf '#!/bin/sh\\nreadlink /proc/self/ns/net >/run/check\\n"
                   "[ ! -e /proc/xen/xensyms ] || touch /run/symbols\\n[ ! -e /etc/slow ] || "
                   "{ touch /run/checking; sleep 25; }\\n' >slow\n"
                   "chmod 755 slow; touch /etc/slow")},
        End::by_itself));
    ASSERT_NO_FATAL_FAILURE(lives_well(
        "a shutdown during sync",
        {dom0_step("checking",
                   "until_true [ -e /run/checking ]; rm /etc/slow\n"
                   // checks see the host as the operator does
                   "[ \"$(cat /run/check)\" = \"$(readlink /proc/self/ns/net)\" ] || fail net\n"
                   "[ \"$(unit xlp-sync.service ActiveState)\" = activating ] || fail")},
        End::by_itself));
    ASSERT_NO_FATAL_FAILURE(
        lives_well("after it",
                   {dom0_step("no complaint", "up; has first=APPLIED second=APPLIED third=APPLIED\n"
                                              "no_complaint\n"
                                              "ls /run/symbols || fail xenfs")},
                   End::power_cut));

    ASSERT_NO_FATAL_FAILURE(lives_well(
        "a cut soon after a boot",
        {dom0_step("applied once more", "up; has first=APPLIED second=APPLIED third=APPLIED\n"
                                        "said | grep 'host\\.went-down' || fail \"$(said)\"")},
        End::power_cut));
    // a second one in a row cannot be told from a crash: xlp reports it, and one command lifts it
    ASSERT_NO_FATAL_FAILURE(lives_well(
        "a second cut",
        {dom0_step("held", "up; has; held || fail \"$(said)\""),
         dom0_step("by one word", "xlp sync --after-crash && "
                                  "has first=APPLIED second=APPLIED third=APPLIED"),
         settle,
         dom0_step("writes",
                   "cat >/run/rounds <<'END'\n"
                   "while :; do\n"
                   "  xlp revert third; xlp unload third; xlp sync; xlp settle --now\n"
                   "  echo >>/run/round\n"
                   "done\n"
                   "END\n"
                   "systemd-run -q bash /run/rounds\n"
                   "three() { [ -e /run/round ] && [ \"$(wc -l </run/round)\" -ge 3 ]; }\n"
                   "until_true three")},
        End::power_cut));
    ASSERT_NO_FATAL_FAILURE(
        lives_well("a cut among the writes",
                   {dom0_step("whole", "up; has first=APPLIED second=APPLIED third=APPLIED\n"
                                       "! said | grep 'error' || fail \"$(said)\"")},
                   End::power_cut));
}

} // namespace xlp::qa
