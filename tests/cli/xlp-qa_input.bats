# SPDX-License-Identifier: GPL-2.0-only
# What xlp-qa says of its inputs, long before a hypervisor is booted.
load harness

prepare() {
    echo payload >fix.livepatch
    echo junk >junk
    printf '#!/bin/sh\n' >xlp && chmod +x xlp
    common=(--cache cache --xlp ./xlp)
}

@test "run without its options is wrong usage, exit 2" {
    prepare
    tool run fix.livepatch
    exits 2
    complains "required"
}

@test "run tells of each unreadable payload, exit 3" {
    prepare
    tool run none.livepatch nowhere.livepatch --xen junk --xen-syms junk --kernel junk "${common[@]}"
    exits 3
    complains "none.livepatch"
    complains "nowhere.livepatch"
}

@test "run tells of all the wrong files at once, exit 3" {
    prepare
    tool run fix.livepatch --xen junk --xen-syms none --kernel junk "${common[@]}" --json
    exits 3
    json_agrees
    json 'any(.findings[]; .code == "qa.not-xen")'
    json 'any(.findings[]; .code == "file.unreadable" and (.file | endswith("none")))'
    json 'any(.findings[]; .code == "qa.no-modules")'
}

@test "a folder of modules without the modules is bad input" {
    prepare
    mkdir -p modules
    tool run fix.livepatch --xen junk --xen-syms junk --kernel junk --modules modules \
        "${common[@]}" --json
    exits 3
    json 'any(.findings[]; .code == "qa.no-module" and (.why | contains("virtio_blk")))'
}

@test "a missing emulator is a matter of the environment, exit 4" {
    prepare
    tool run fix.livepatch --xen junk --xen-syms junk --kernel junk --qemu ./none "${common[@]}" \
        --json
    exits 4
    json 'any(.findings[]; .code == "qa.no-qemu")'
}

@test "a missing xlp is bad input, and nothing stands in for it" {
    prepare
    tool run fix.livepatch --xen junk --xen-syms junk --kernel junk --xlp ./none --json
    exits 3
    json 'any(.findings[]; .code == "qa.no-xlp")'
}

@test "no cycles and two payloads of one name are wrong usage, exit 2" {
    prepare
    mkdir other && cp fix.livepatch other
    tool run fix.livepatch other/fix.livepatch --cycles 0 --xen junk --xen-syms junk --kernel junk \
        "${common[@]}" --json
    exits 2
    json '[.findings[] | select(.code == "usage")] | length == 2'
}

@test "a missing probe is bad input, exit 3" {
    prepare
    tool run fix.livepatch --probe none --xen junk --xen-syms junk --kernel junk "${common[@]}"
    exits 3
    complains "none"
}

@test "batch refuses a folder without payloads, exit 3" {
    prepare
    mkdir empty
    tool batch empty --xen junk --xen-syms junk --kernel junk "${common[@]}" --json
    exits 3
    json 'any(.findings[]; .code == "qa.no-payloads")'
}

@test "a cache that cannot be made is a matter of the environment, exit 4" {
    prepare
    tool run fix.livepatch --xen junk --xen-syms junk --kernel junk --xlp ./xlp --cache junk/cache
    exits 4
    complains "junk/cache"
}
