# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Loaded by the command-line tests. `tool ARG...` runs the tool under test; then `code`, `out` and
# `err` hold its exit status and both streams, each check prints what it saw when it fails.

setup() { cd "$BATS_TEST_TMPDIR" || return; }

# tool ARG...: run the tool under test, without a terminal
tool() {
    code=0
    "$TOOL" "$@" >"$BATS_TEST_TMPDIR/.out" 2>"$BATS_TEST_TMPDIR/.err" </dev/null || code=$?
    out=$(cat "$BATS_TEST_TMPDIR/.out")
    err=$(cat "$BATS_TEST_TMPDIR/.err")
}

saw() {
    printf '%s\n' "$*" "exit status: $code" "stdout: $out" "stderr: $err"
    return 1
}

exits() { [ "$code" -eq "$1" ] || saw "expected exit status $1"; }
silent() { [ -z "$out" ] || saw "expected nothing on stdout"; }
says() { grep -qF -- "$1" <<<"$out" || saw "expected on stdout: $1"; }
complains() { grep -qF -- "$1" <<<"$err" || saw "expected on stderr: $1"; }

# json FILTER: a jq filter that must be true of stdout, which must be exactly one JSON document
json() {
    [ "$(jq -s length <<<"$out" 2>/dev/null)" = 1 ] || saw "expected one JSON document" || return
    jq -e "$1" <<<"$out" >/dev/null || saw "expected of the JSON: $1"
}

# json_agrees: the document of every verb and outcome names the tool, and carries the exit code
json_agrees() {
    json '(.version | type == "string") and (.findings | type == "array") and (.tool != null)' &&
        json ".exit_code == $code" &&
        json 'all(.findings[]; (.code | test("^[a-z0-9_.-]+$")) and .why != "" and
              (.severity | IN("note", "warning", "error")))'
}

# compiled NAME <<C: a relocatable object NAME.o out of the C on stdin, as Xen's objects are made
compiled() { gcc -x c - -c -O2 -ffunction-sections -fdata-sections -fno-pic -o "$1.o"; }
