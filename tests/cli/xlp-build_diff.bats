# SPDX-License-Identifier: GPL-2.0-only
load harness

@test "diff: a fix becomes a payload that the loader's model accepts" {
    hypervisor
    tool diff before.o after.o --xen-syms xen-syms -o fix.livepatch
    exits 0
    says "fix.livepatch"
    [ "$(wc -l <<<"$out")" -eq 1 ]
    tool verify fix.livepatch --xen-syms xen-syms --json
    exits 0
    json_agrees
    json '.good and .upload.outcome == "accepted" and .apply.outcome == "accepted"'
    json '[.loaded.functions[].name] == ["admit"]'
}

@test "diff: the JSON says what is in the payload and why" {
    hypervisor
    tool diff before.o after.o --xen-syms xen-syms -o fix.livepatch --json
    exits 0
    json_agrees
    json '.output == "fix.livepatch" and (.build_id | test("^[0-9a-f]{40}$"))'
    json '.contents[0] | .name == "admit" and .replaces == "admit" and .reason != ""'
    [ -z "$err" ]
}

@test "diff: the same input gives the same bytes" {
    hypervisor
    tool diff before.o after.o --xen-syms xen-syms -o one.livepatch
    exits 0
    mkdir -p elsewhere/deep && cp before.o after.o xen-syms elsewhere/deep
    cd elsewhere/deep
    tool diff before.o after.o --xen-syms xen-syms -o two.livepatch
    exits 0
    cmp two.livepatch "$BATS_TEST_TMPDIR/one.livepatch"
}

@test "diff: two folders of objects" {
    hypervisor
    mkdir -p a/common b/common
    cp before.o a/common/x.o && cp after.o b/common/x.o
    tool diff a b --xen-syms xen-syms -o fix.livepatch
    exits 0
    tool diff a a --xen-syms xen-syms -o same.livepatch
    exits 1
    leaves_nothing same.livepatch
}

# assembled NAME INSTRUCTION: a unit of assembly
assembled() {
    printf '.text\n.globl way_in\nway_in: nop\n %s\n ret\n.section .note.GNU-stack\n' "$2" >entry.S
    gcc -c entry.S -o "$1"
}

@test "diff: assembly that is left as it is makes a partial fix, unless a hook does its work" {
    mkdir -p a b
    compiled a/x && compiled b/x -DFIXED
    assembled a/entry.o nop && assembled b/entry.o cld
    ld --build-id=sha1 -e admit -T "$tiny_xen/xen.lds" a/x.o a/entry.o -o xen-syms
    tool diff a b --xen-syms xen-syms -o fix.livepatch
    exits 1
    complains "assembly.changed"
    tool diff a b --xen-syms xen-syms -o fix.livepatch --allow assembly.changed --json
    exits 0
    json '.partial == true'
    printf 'void f(void) {}\nvoid (*const hook)(void) __attribute__((section(".livepatch.hooks.load"))) = f;\n' |
        gcc -c -O2 -fpic -fcf-protection=none -ffunction-sections -fdata-sections -x c - -o hook.o
    ld -r b/x.o hook.o -o both.o && mv both.o b/x.o
    tool diff a b --xen-syms xen-syms -o fix.livepatch --allow assembly.changed --json
    exits 0
    json '.partial == false'
}

@test "diff: no change is refused" {
    hypervisor
    tool diff before.o before.o --xen-syms xen-syms -o none.livepatch
    exits 1
    silent
    complains "error:"
    leaves_nothing none.livepatch
}

@test "diff: changed initialised data is refused, and named" {
    hypervisor
    compiled data -DLIMIT=9
    tool diff before.o data.o --xen-syms xen-syms -o data.livepatch --json
    exits 1
    json_agrees
    json 'any(.findings[]; .severity == "error" and (.function == "limit" or (.why | contains("limit"))))'
    leaves_nothing data.livepatch
}

@test "diff: a refusal leaves an older output alone" {
    hypervisor
    echo old >out.livepatch
    tool diff before.o before.o --xen-syms xen-syms -o out.livepatch
    exits 1
    [ "$(cat out.livepatch)" = old ]
}

@test "diff: truncated, foreign and missing objects are bad input" {
    hypervisor
    head -c 700 after.o >short.o
    tool diff before.o short.o --xen-syms xen-syms -o x.livepatch
    exits 3
    complains "short.o"
    printf 'int f;' | gcc -m32 -x c -c - -o foreign.o 2>/dev/null || printf '\177ELF\1' >foreign.o
    tool diff before.o foreign.o --xen-syms xen-syms -o x.livepatch
    exits 3
    complains "foreign.o"
    tool diff before.o missing.o --xen-syms xen-syms -o x.livepatch
    exits 3
    complains "missing.o"
    leaves_nothing x.livepatch
}

@test "diff: symbols that are no hypervisor's, or have no build-id, are bad input" {
    hypervisor
    tool diff before.o after.o --xen-syms before.o -o x.livepatch
    exits 3
    objcopy --remove-section=.note.gnu.build-id xen-syms anonymous
    tool diff before.o after.o --xen-syms anonymous -o x.livepatch
    exits 3
    complains "build-id"
    leaves_nothing x.livepatch
}

@test "diff: an original that is not the hypervisor's is refused" {
    hypervisor
    compiled otherwise -O0
    tool diff otherwise.o after.o --xen-syms xen-syms -o x.livepatch
    exits 1
    leaves_nothing x.livepatch
}

@test "diff: an output that cannot be written" {
    hypervisor
    tool diff before.o after.o --xen-syms xen-syms -o no/such/folder/x.livepatch
    exits 4
    complains "no/such/folder"
    mkdir folder
    tool diff before.o after.o --xen-syms xen-syms -o folder
    exits 4
}

@test "diff: what must be given is asked for" {
    tool diff
    exits 2
    tool diff before.o after.o -o x.livepatch
    exits 2
    complains "xen-syms"
}

@test "diff: a function can be left out, which is said; a name that does not change is an error" {
    hypervisor
    tool diff before.o after.o --xen-syms xen-syms -o x.livepatch --leave-out admit
    exits 1
    complains "[select.nothing-changed]"
    complains "[select.left-out]"
    tool diff before.o after.o --xen-syms xen-syms -o x.livepatch --leave-out admitt
    exits 3
    complains "function named \`admitt'"
    leaves_nothing x.livepatch
}

@test "diff: on top of another payload" {
    hypervisor
    tool diff before.o after.o --xen-syms xen-syms -o first.livepatch
    exits 0
    compiled more -DFIXED -DFIXED_MORE
    tool diff after.o more.o --xen-syms xen-syms -o second.livepatch
    exits 1 # against the hypervisor alone
    complains "match.mismatch"
    leaves_nothing second.livepatch
    tool diff after.o more.o --xen-syms xen-syms --below first.livepatch -o second.livepatch
    exits 0
    tool verify second.livepatch --below first.livepatch --xen-syms xen-syms --json
    exits 0
    json '.good and [.loaded.functions[].name] == ["admit"]'
    tool verify second.livepatch --xen-syms xen-syms
    exits 1
}

@test "diff: a payload below that is none, and --depends beside --below" {
    hypervisor
    tool diff before.o after.o --xen-syms xen-syms --below missing -o x.livepatch
    exits 3
    complains "missing"
    tool diff before.o after.o --xen-syms xen-syms --below before.o -o x.livepatch
    exits 1
    complains "load.stack.below"
    tool diff before.o after.o --xen-syms xen-syms --below before.o --depends 0123 -o x.livepatch
    exits 2
    complains "--depends"
    leaves_nothing x.livepatch
}
