// SPDX-License-Identifier: GPL-2.0-only
// The host tool on the real hypervisor: stacks, the store, kills, several at once.
#include "tests/nested/fixture.h"

namespace xlp::qa {

namespace {

const std::string id_a(16, '1'), id_b(16, '2'), id_c(16, '3'), id_all(16, '4'), id_init(16, '5');

// What each step's script may use.
constexpr char helpers[] =
    "extra() { cat /sys/hypervisor/version/extra; }\n"
    // "a=APPLIED b=CHECKED"
    "states() { $XLP list | while read n s rest; do [ $n = NAME ] || [ $n = No ] || "
    "printf '%s=%s ' $n $s; done; }\n"
    "fail() { echo \"FAILED: $*\"; exit 1; }\n";

Step script_step(const std::string& name, const std::string& text) {
    return {name, "script", name, std::string(helpers) + text};
}

} // namespace

class NestedHost : public Nested {
protected:
    // Three that stack, and one that stands for all of them; below /p as in a download.
    std::vector<Member> payloads() {
        std::vector<Member> files;
        const auto add = [&](const std::string& name, const Sample& sample) {
            files.push_back(regular_file("p/" + name + ".livepatch", assemble(name, sample).bytes));
        };
        add("a", {.extra = "-a", .own = id_a, .options = {"-Dxlp_sample=xlp_sample_a"}});
        add("b", {.extra = "-b",
                  .depends = id_a,
                  .own = id_b,
                  .options = {"-Dxlp_sample=xlp_sample_b"}});
        add("c", {.extra = "-c",
                  .depends = id_b,
                  .own = id_c,
                  .options = {"-Dxlp_sample=xlp_sample_c"}});
        add("init", {.own = id_init, .options = {"-DOLD_ADDRESS=__start_xen"}});
        add("all", {.extra = "-all", .own = id_all, .options = {"-Dxlp_sample=xlp_sample_all"}});
        return files;
    }

    void passes(const std::vector<Step>& steps) {
        Scenario s;
        s.files = payloads();
        s.steps = steps;
        auto bed = testbed();
        ASSERT_TRUE(bed);
        auto o = bed->run(s);
        ASSERT_TRUE(o);
        EXPECT_TRUE(o->passed()) << describe(*o);
    }
};

TEST_F(NestedHost, AStackGoesUpAndComesDownInOrder) {
    passes({script_step("load", "$XLP load /p/a.livepatch /p/b.livepatch /p/c.livepatch && "
                                "[ $(extra) = -c ] || fail $(extra)"),
            script_step("wrong order", "$XLP revert a; [ $? = 1 ] || fail $?; "
                                       "$XLP unload c; [ $? = 1 ] || fail $?; [ $(extra) = -c ]"),
            script_step("all or nothing", "$XLP load /p/all.livepatch; [ $? = 1 ] || fail $?; "
                                          "[ \"$(states)\" = 'a=APPLIED b=APPLIED c=APPLIED ' ]"),
            script_step("replace", "$XLP upload all /p/all.livepatch && $XLP replace all && "
                                   "[ $(extra) = -all ] && $XLP revert all && "
                                   "$XLP unload all"),
            script_step("down", "for n in a b c; do $XLP unload $n || fail $n; done; "
                                "[ -z \"$(states)\" ]")});
}

TEST_F(NestedHost, TheStoreIsBroughtIntoEffect) {
    passes({script_step("install", "$XLP install /p/a.livepatch /p/b.livepatch /p/c.livepatch"),
            script_step("not yet", "$XLP status; [ $? = 1 ] || fail $?; "
                                   "$XLP sync --dry-run && [ -z \"$(states)\" ]"),
            script_step("sync", "$XLP sync --boot && [ $(extra) = -c ] || fail sync\n"
                                // in effect; but without an index nobody can say "protected"
                                "$XLP status; [ $? = 4 ] || fail $?\n"
                                "$XLP status --monitor; [ $? = 3 ]"),
            script_step("again", "$XLP sync --json | grep -q '\"plan\": \\[\\]'"),
            script_step("cumulative", "$XLP install --store /other /p/all.livepatch && "
                                      "$XLP sync --prune --store /other && [ $(extra) = -all ] && "
                                      "[ \"$(states)\" = 'all=APPLIED ' ]")});
}

TEST_F(NestedHost, AKilledLoadIsBeforeOrAfterOnceXlpHasRunAgain) {
    // from before the first call to after the last, as slow as the machine may be
    passes({script_step(
        "kills",
        "$XLP load /p/a.livepatch /p/b.livepatch /p/c.livepatch & wait $!\n"
        "for n in c b a; do $XLP revert $n && $XLP unload $n || fail $n; done\n"
        "for ms in 005 010 020 030 040 060 080 100 150 200 300 500; do\n"
        "  $XLP load /p/a.livepatch /p/b.livepatch /p/c.livepatch >/dev/null 2>&1 & pid=$!\n"
        "  sleep 0.$ms; kill -9 $pid 2>/dev/null; wait $pid 2>/dev/null\n"
        "  echo \"$ms ms: $(states)\"\n"
        "  $XLP sync\n"
        "  case \"$(states)\" in\n"
        "    '') ;;\n"
        "    'a=APPLIED b=APPLIED c=APPLIED ')\n"
        "      for n in c b a; do $XLP revert $n && $XLP unload $n || fail $n; done;;\n"
        "    *) fail \"between: $(states)\";;\n"
        "  esac\n"
        "  [ ! -e /run/xlp/journal.json ] || fail journal\n"
        "done\n")});
}

TEST_F(NestedHost, OfSeveralAtOnceOneWinsAndNothingMixes) {
    passes({script_step("both", "for i in 1 2 3; do\n"
                                "$XLP load /p/a.livepatch & one=$!\n"
                                "$XLP load /p/all.livepatch & two=$!\n"
                                "wait $one; first=$?; wait $two; second=$?\n"
                                "[ $((first + second)) = 1 ] || fail $first $second\n"
                                "case \"$(states)\" in 'a=APPLIED ') n=a;; 'all=APPLIED ') n=all;; "
                                "*) fail \"$(states)\";; esac\n"
                                "$XLP revert $n && $XLP unload $n || fail $n\ndone")});
}

TEST_F(NestedHost, CodeThatOnlyRunsWhileXenStartsIsNotReplacedByAnyName) {
    passes({script_step("load", "$XLP load /p/init.livepatch 2>/tmp/said; [ $? = 1 ] || fail $?\n"
                                "grep -q '__start_xen, which runs only while Xen boots' /tmp/said "
                                "|| fail \"$(cat /tmp/said)\""),
            script_step("by the other name",
                        "ln -s \"$(command -v $XLP)\" /tmp/xen-livepatch && "
                        "/tmp/xen-livepatch load /p/init.livepatch; [ $? = 1 ] || fail $?"),
            script_step("nothing there", "[ -z \"$(states)\" ]")});
}

TEST_F(NestedHost, ARendezvousWithoutTimeIsGivenMore) {
    passes({script_step("upload", "$XLP upload a /p/a.livepatch"),
            script_step("apply", "$XLP apply -v a --timeout 1ns --attempts 40 && "
                                 "[ $(extra) = -a ]")});
}

TEST_F(NestedHost, NamesOfEveryKindComeBackAsTheyWent) {
    passes({script_step(
        "names",
        "long=$(printf %0127d 0)\n"
        "for via in privcmd libxenctrl; do\n"
        "  for n in 'a b' \"'\" '\"' '*' ';' '$x' -x . / % $long $(printf '\\303\\244 \\377'); do\n"
        "    $XLP upload -q --via $via -- \"$n\" /p/a.livepatch &&\n"
        "      $XLP list --via $via | grep -qF -- \"$n \" &&\n"
        "      $XLP unload -q --via $via -- \"$n\" || fail \"$via: $n\"\n"
        "  done\n"
        "  $XLP upload --via $via ${long}0 /p/a.livepatch; [ $? = 3 ] || fail \"$via: $?\"\n"
        "done")});
}

TEST_F(NestedHost, BothWaysToTheHypervisorAgree) {
    passes({script_step("load", "$XLP load --via privcmd /p/a.livepatch /p/b.livepatch"),
            script_step("same", "$XLP list --via libxenctrl >/tmp/1 && "
                                "$XLP list --via privcmd >/tmp/2 && cmp /tmp/1 /tmp/2 && "
                                "grep -q '^b .*APPLIED' /tmp/1"),
            script_step("other", "$XLP revert --via libxenctrl b && $XLP unload --via privcmd b && "
                                 "[ \"$(states)\" = 'a=APPLIED ' ]")});
}

} // namespace xlp::qa
