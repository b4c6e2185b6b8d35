# SPDX-License-Identifier: GPL-2.0-only
# What people read, as a whole, held against tests/golden/. After a change that is meant:
# XLP_GOLDEN=write ctest -R golden, and look at what git shows.
load harness

golden=$BATS_TEST_DIRNAME/../golden

# admit's hypervisor, before and after its fix
admit() {
    gcc -c "$golden/xen.S" -o before.o
    gcc -c "$golden/xen.S" -DFIXED -o after.o
    gcc -c "$golden/xen.S" -DFIXED -DRAISED -o raised.o
    ld --build-id=sha1 -e admit -T "$tiny_xen/xen.lds" before.o -o xen-syms
}

# golden NAME: both streams of the last run are those of NAME.txt; build-ids and hashes depend on
# the linker, the version on the release
same_as() {
    { cat .err && echo -- && cat .out; } |
        sed -E 's/[0-9a-f]{64}/HASH/g; s/[0-9a-f]{40}/BUILD-ID/g; s/~[0-9a-f]{8}/~MARK/g;
                s/(xlp-build )[0-9]+\.[0-9]+[^ ]*/\1VERSION/' >seen
    if [ "${XLP_GOLDEN:-}" = write ]; then cp seen "$golden/$1.txt"; fi
    diff -u "$golden/$1.txt" seen
}

@test "golden: a payload explained" {
    admit
    tool diff before.o after.o --xen-syms xen-syms -o fix.livepatch -v
    exits 0
    same_as explained
}

@test "golden: what is inside" {
    admit
    tool diff before.o after.o --xen-syms xen-syms -o fix.livepatch
    tool inspect fix.livepatch
    exits 0
    same_as inside
}

@test "golden: the loader, stage by stage" {
    admit
    tool diff before.o after.o --xen-syms xen-syms -o fix.livepatch
    tool verify fix.livepatch --xen-syms xen-syms
    exits 0
    same_as verified
}

@test "golden: a refusal" {
    admit
    tool diff before.o raised.o --xen-syms xen-syms -o fix.livepatch
    exits 1
    same_as refused
}
