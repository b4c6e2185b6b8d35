# SPDX-License-Identifier: GPL-2.0-only
# What holds for each tool: run once for xlp-build, xlp-qa and xlp.
load harness

@test "without a verb: usage, exit 2" {
    tool
    exits 2
    silent
    complains "--help"
}

@test "help is on stdout, names the verbs and the exit codes" {
    tool --help
    exits 0
    says "Usage: ${TOOL##*/} VERB"
    says "Exit codes"
    [ -z "$err" ]
}

@test "version is one line" {
    tool --version
    exits 0
    [ "$(wc -l <<<"$out")" -eq 1 ]
    says "${TOOL##*/} "
}

@test "an unknown verb is named, exit 2" {
    tool no-such-verb
    exits 2
    silent
    complains "no-such-verb"
}

@test "each verb in the help has help of its own" {
    [ -n "$(verbs)" ]
    for verb in $(verbs); do
        tool "$verb" --help
        exits 0
        says "Usage: ${TOOL##*/} $verb"
        says "--json"
    done
}

@test "each verb refuses an unknown option, exit 2, and in JSON when asked" {
    for verb in $(verbs); do
        tool "$verb" --no-such-option
        exits 2
        silent
        complains "no-such-option"
        tool "$verb" --no-such-option --json
        exits 2
        json_agrees
        [ -z "$err" ]
    done
}

@test "each verb refuses a colour that is none, exit 2" {
    for verb in $(verbs); do
        tool "$verb" --color=purple
        exits 2
        silent
    done
}

@test "a full device on stdout is an error" {
    [ -e /dev/full ] || skip "there is no /dev/full"
    code=0
    "$TOOL" --help >/dev/full 2>/dev/null || code=$?
    [ "$code" -ne 0 ]
}
