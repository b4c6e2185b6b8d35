# SPDX-License-Identifier: GPL-2.0-only
# What `payload` refuses before it compiles anything. What it builds is tested on Debian's Xen, in
# tests/nested/.
load harness

# a tree that looks like Xen's to the first glance, and a patch that fits it
tree() {
    hypervisor
    mkdir -p tree/xen/arch/x86 tree/xen/common
    printf 'export XEN_VERSION       = 4\nexport XEN_SUBVERSION    = 17\n' >tree/xen/Makefile
    printf 'export XEN_EXTRAVERSION ?= .5\n' >>tree/xen/Makefile
    echo 'int f(void) { return 1; }' >tree/xen/common/f.c
    printf '%s\n' '--- a/xen/common/f.c' '+++ b/xen/common/f.c' '@@ -1 +1 @@' \
        '-int f(void) { return 1; }' '+int f(void) { return 2; }' >fix.patch
    echo CONFIG_LIVEPATCH=y >config
}

payload() {
    tool payload --source "${source:-tree}" --patch "${patch:-fix.patch}" \
        --xen-syms "${syms:-xen-syms}" --config config --cache cache -o fix.livepatch "$@"
}

@test "payload: what must be given is asked for" {
    tool payload
    exits 2
    tool payload --source . --patch x
    exits 2
    complains "xen-syms"
}

@test "payload: a source tree that is not Xen's, or not there, is bad input" {
    tree
    mkdir empty
    for source in empty missing fix.patch; do
        payload
        exits 3
        complains "$source"
        leaves_nothing fix.livepatch
    done
}

@test "payload: the source of another version is bad input" {
    tree
    sed -i 's/= 17/= 16/' tree/xen/Makefile
    payload
    exits 3
    complains "4.16"
    complains "4.17"
    leaves_nothing fix.livepatch
}

@test "payload: symbols that are no hypervisor's are bad input" {
    tree
    for syms in before.o fix.patch missing; do
        payload
        exits 3
        complains "$syms"
    done
}

@test "payload: symbols without build-id are bad input" {
    tree
    objcopy --remove-section=.note.gnu.build-id xen-syms anonymous
    syms=anonymous
    payload
    exits 3
    complains "build-id"
}

@test "payload: a patch that is none, or does not apply, is bad input, and the tree stays as it is" {
    tree
    find tree -type f -exec sha256sum {} + | sort >sums
    echo 'no patch at all' >none.patch
    : >empty.patch
    sed 's/return 1; }/return 7; }/' fix.patch >reject.patch
    for patch in none.patch empty.patch reject.patch missing.patch; do
        payload --json
        exits 3
        json_agrees
        json 'any(.findings[]; .code | startswith("patch.") or startswith("file."))'
        leaves_nothing fix.livepatch
    done
    find tree -type f -exec sha256sum {} + | sort | cmp - sums
}

@test "payload: a dependency that is no build-id is wrong usage" {
    tree
    payload --depends nonsense
    exits 2
    complains "nonsense"
}

@test "payload: the patch of a payload below must be at hand" {
    tree
    tool diff before.o after.o --xen-syms xen-syms -o first.livepatch
    exits 0
    payload --below first.livepatch # no manifest
    exits 3
    complains "below.no-patch"
    complains "--below first.livepatch=PATCH"
    hash=$(sha256sum <fix.patch | cut -d' ' -f1)
    jq -n --arg hash "$hash" '{schema: "xlp.manifest/1", name: "first",
        payload: {file: "first.livepatch", sha256: ($hash), size: 1, build_id: "12", depends: "34"},
        xen: {build_id: "34"}, inputs: [{role: "patch", file: "first.patch", sha256: $hash}],
        tool: {name: "xlp-build", version: "0"}}' >first.livepatch.json
    payload --below first.livepatch
    exits 3
    complains "below.no-patch"
    complains "first.patch"
    echo other >first.patch
    payload --below first.livepatch
    exits 3
    complains "below.other-patch"
    leaves_nothing fix.livepatch
}

@test "payload: what is superseded is a payload or a build-id" {
    tree
    payload --supersedes nothing-of-that-name
    exits 2
    complains "supersedes"
    payload --supersedes fix.patch
    exits 3
    complains "fix.patch"
    leaves_nothing fix.livepatch
}
