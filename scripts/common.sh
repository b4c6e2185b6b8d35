# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What the scripts share. Source it; it changes nothing but the names below.

# Exit codes as the tools use them (docs/exit-codes.md).
export XLP_USAGE=2 XLP_BAD_INPUT=3 XLP_ENVIRONMENT=4

say() { printf '%s\n' "$*"; }
note() { printf '%s\n' "$*" >&2; }

# die CODE MESSAGE...: what failed and what to do about it, one line each, on stderr
die() {
    local code=$1 line
    shift
    printf '%s: %s\n' "${0##*/}" "$1" >&2
    shift
    for line in "$@"; do printf '  %s\n' "$line" >&2; done
    exit "$code"
}

# usage FILE: the comment at the head of a script is its help
usage() { sed -n '3,/^[^#]/{/^#/{s/^# \{0,1\}//;p}}' "$1"; }

# step TITLE COMMAND...: runs quietly, says how long it took; shows the output when it fails
step() {
    local title=$1 log began=$SECONDS code=0
    shift
    log=$(mktemp)
    printf '%-52s' "$title" >&2
    "$@" >"$log" 2>&1 || code=$?
    if [ "$code" -eq 0 ]; then
        printf ' %4d s\n' $((SECONDS - began)) >&2
    else
        printf ' FAILED (%s)\n' "$code" >&2
        tail -n 60 "$log" >&2
    fi
    rm -f "$log"
    return "$code"
}

# debian_release: the code name of the Debian that this runs on; a test says another
debian_release() {
    (. /etc/os-release && printf '%s\n' "${XLP_DEBIAN_RELEASE:-${VERSION_CODENAME:-}}")
}

# build_preset PRESET [CMAKE-ARGUMENT...]: configures build/PRESET and builds it, in the repository's
# root. One way for all scripts, so that none makes the other build anew.
build_preset() {
    configure_preset "$1" && cmake --build "build/$1" -j "$(nproc)" "${@:2}"
}
configure_preset() {
    local preset=$1 launcher=()
    if command -v ccache >/dev/null; then
        launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
        # what ccache asks for before it keeps what precompiled headers went into
        export CCACHE_SLOPPINESS=pch_defines,time_macros
    fi
    cmake -G Ninja --preset "$preset" -DXLP_UNITY=ON "${launcher[@]}"
}

# fetch_open_xen TOP [ARGUMENT...]: Debian's Xen in which the hole that our example closes is still
# open, or, where the release's Xen has no such hole, that Xen
fetch_open_xen() {
    local top=$1
    shift
    "$top/scripts/fetch-xen" "$@" --before "$(sed -n 's/.*"fixed_in": "\(.*\)".*/\1/p' \
        "$top/xen-patches/debian-4.17/xsa-506/recipe.json")"
}

# of_xen DIR FIELD: what fetch-xen wrote down of a hypervisor, nothing where it wrote nothing
of_xen() { sed -n "s/^$2 //p" "$1/manifest" 2>/dev/null; }

# branch_of_xen DIR: the branch of ci/branches.json whose files DIR has
branch_of_xen() {
    local branch
    branch=$(of_xen "$1" branch)
    printf '%s\n' "${branch:-debian-4.17}"
}
