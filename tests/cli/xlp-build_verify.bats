# SPDX-License-Identifier: GPL-2.0-only
load harness

# fix: a payload for the tiny hypervisor
fix() {
    hypervisor
    tool diff before.o after.o --xen-syms xen-syms -o fix.livepatch
    exits 0
}

@test "verify: a payload for another hypervisor is refused, with Xen's errno" {
    fix
    compiled more -DLIMIT=8
    ld --build-id=sha1 -e admit -T "$tiny_xen/xen.lds" more.o -o other-syms
    tool verify fix.livepatch --xen-syms other-syms
    exits 1
    complains "build-id"
    tool verify fix.livepatch --xen-syms other-syms --json
    exits 1
    json_agrees
    json '.good == false'
    json '.. | strings | select(contains("EINVAL"))'
}

@test "verify: a damaged payload is never good" {
    fix
    size=$(stat -c %s fix.livepatch)
    for keep in 1 63 64 700 $((size - 1)); do
        head -c "$keep" fix.livepatch >damaged.livepatch
        tool verify damaged.livepatch --xen-syms xen-syms --json
        [ "$code" -eq 1 ] || [ "$code" -eq 3 ] || saw "expected exit 1 or 3 for $keep bytes"
        json_agrees
    done
}

@test "verify: an empty file, a folder and a missing file are bad input" {
    fix
    : >empty
    for file in empty . missing; do
        tool verify "$file" --xen-syms xen-syms
        exits 3
        [ -n "$err" ]
    done
}

@test "verify: a version that is none is wrong usage" {
    fix
    tool verify fix.livepatch --xen-syms xen-syms --xen-version nonsense
    exits 2
}

@test "verify: the same payload below itself is refused" {
    fix
    tool verify fix.livepatch --xen-syms xen-syms --below fix.livepatch
    [ "$code" -ne 0 ] || saw "expected a refusal"
    complains "EEXIST"
}
