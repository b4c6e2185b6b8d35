# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Loaded by the command-line tests. `tool ARG...` runs the tool under test; then `code`, `out` and
# `err` hold its exit status and both streams, each check prints what it saw when it fails.

setup() { cd "$BATS_TEST_TMPDIR" || return; }

# tool ARG...: run the tool under test
tool() { ran "$TOOL" "$@"; }

# ran COMMAND...: without a terminal
ran() {
    code=0
    "$@" >"$BATS_TEST_TMPDIR/.out" 2>"$BATS_TEST_TMPDIR/.err" </dev/null || code=$?
    out=$(cat "$BATS_TEST_TMPDIR/.out")
    err=$(cat "$BATS_TEST_TMPDIR/.err")
}

# verbs: those that the tool's help lists
verbs() { "$TOOL" --help | sed -n '/^Verbs:/,/^$/s/^  \([a-z-]*\) .*/\1/p'; }

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

tiny_xen=${BASH_SOURCE[0]%/*}/tiny-xen

# compiled NAME [FLAG...]: NAME.o out of tiny-xen/xen.c, as Xen's own objects are made
compiled() {
    local name=$1
    shift
    gcc -c -O2 -fpic -fvisibility=hidden -mno-red-zone -fcf-protection=none -fno-stack-protector \
        -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections "$@" \
        "$tiny_xen/xen.c" -o "$name.o"
}

# hypervisor: before.o, after.o (with the fix), and xen-syms linked from the first
hypervisor() {
    compiled before && compiled after -DFIXED &&
        ld --build-id=sha1 -e admit -T "$tiny_xen/xen.lds" before.o -o xen-syms
}

# leaves_nothing FILE: a failure leaves no output and no partial output behind
leaves_nothing() {
    local left
    left=$(compgen -G "$1*" || true)
    [ -z "$left" ] || saw "expected no file $1*, but there is: $left"
}
