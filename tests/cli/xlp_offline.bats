# SPDX-License-Identifier: GPL-2.0-only
# What xlp does on a machine that is no Xen host, which is where these tests run.
load harness

# payload FILE XEN_ID: the least that is a payload
payload() {
    local file=$1 xen=$2 section id
    {
        printf '.section .text.new,"ax"\nnew: xor %%eax,%%eax\n ret\n'
        printf '.section .rodata.n,"a"\nname: .asciz "do_thing"\n'
        printf '.section .livepatch.funcs,"aw"\n.balign 8\n.quad name, new, do_thing\n'
        printf '.long 3, 16\n.byte 2\n.fill 71,1,0\n'
        printf '.section .modinfo,"a"\n.asciz "advisories=XSA-1"\n'
        for section in .note.gnu.build-id .livepatch.depends .livepatch.xen_depends; do
            id=$xen
            [ "$section" != .note.gnu.build-id ] || id=aaaa
            printf '.section %s,"a",@note\n.balign 4\n.long 4,%d,3\n.asciz "GNU"\n.byte 0x%s,0x%s\n' \
                "$section" 2 "${id:0:2}" "${id:2:2}"
        done
    } >"$file.s"
    as -mx86-used-note=no -o "$file" "$file.s"
}

@test "without a hypervisor: each verb that needs one exits 4 and says what to do" {
    payload p.livepatch 1234
    [ ! -e /dev/xen/privcmd ] || skip "this is a Xen host"
    mkdir run
    for words in list status "apply x" "load p.livepatch" "upload x p.livepatch" sync; do
        # shellcheck disable=SC2086
        set -- $words
        case $1 in apply | load | upload | sync) set -- "$@" --lock "$PWD/lock" ;; esac
        tool "$@"
        exits 4
        complains "host.no-xen"
        complains "modprobe xen-privcmd"
        tool "$@" --json
        exits 4
        json_agrees
    done
}

@test "without a hypervisor: a monitoring plugin says UNKNOWN, exit 3" {
    [ ! -e /dev/xen/privcmd ] || skip "this is a Xen host"
    tool status --monitor
    exits 3
    says "XLP UNKNOWN"
    tool status --monitor --prometheus m.prom
    exits 3
    grep -qx 'xlp_up 0' m.prom
}

@test "install files a payload under its hypervisor's build-id" {
    payload p.livepatch 1234
    tool install p.livepatch --store store
    exits 0
    hash=$(sha256sum p.livepatch)
    cmp p.livepatch "store/1234/${hash%% *}/p.livepatch"
    tool install p.livepatch --store store --json
    exits 0
    json_agrees
    json '.schema == "xlp.install/1" and .installed[0].new == false'
}

@test "install refuses what is no payload, and leaves nothing" {
    echo text >t.livepatch
    tool install t.livepatch --store store
    exits 3
    [ ! -e store ]
    tool install absent.livepatch --store store
    exits 3
}

@test "verify without a hypervisor says what it could not check" {
    payload p.livepatch 1234
    tool verify p.livepatch -v
    exits 0
    [ -e /dev/xen/privcmd ] || complains "verify.offline"
    tool verify p.livepatch --json
    json_agrees
    json '.payloads[0].about.advisories == ["XSA-1"]'
    head -c 300 p.livepatch >cut.livepatch
    tool verify cut.livepatch
    exits 3
}

@test "a manifest of another payload is refused" {
    payload p.livepatch 1234
    tool verify p.livepatch --json
    jq '.payloads[0].about | .payload.size += 1' <<<"$out" >p.livepatch.json
    tool verify p.livepatch
    exits 1
    complains "manifest.mismatch"
}

@test "by the name of xen-livepatch: its words and exit codes" {
    ln -s "$TOOL" xen-livepatch
    old_name() { ran ./xen-livepatch "$@"; }
    old_name
    exits 0
    complains "xen-livepatch: live patching tool"
    old_name help
    exits 0
    old_name nonsense
    exits 1
    complains "Unrecognised command 'nonsense' -- try 'xen-livepatch help'"
    old_name upload only-a-name
    exits 1
    old_name apply x --bogus
    exits 1
    complains "Unsupported flag: --bogus."
    [ -e /dev/xen/privcmd ] && return
    old_name list
    exits 1
    silent
}

@test "bash completes verbs and a verb's options" {
    tool --completion bash
    exits 0
    printf '%s\n' "$out" >completion
    answers() {
        bash -c '. ./completion; COMP_WORDS=(xlp "$@"); COMP_CWORD=$#; _xlp; printf "%s\n" "${COMPREPLY[@]}"' _ "$@"
    }
    [ "$(answers re)" = "$(printf 'revert\nreplace')" ]
    [ "$(answers sync --dr)" = --dry-run ]
    answers apply --j | grep -qx -- --json
    touch here.livepatch
    [ "$(answers load her)" = here.livepatch ]
    tool --completion fish
    exits 2
}

@test "zsh completes verbs and a verb's options" {
    command -v zsh >/dev/null || skip "there is no zsh"
    tool --completion zsh
    exits 0
    printf '%s\n' "$out" >_xlp
    cat >typed <<'END'
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "fpath=($PWD \$fpath); autoload -Uz compinit && compinit -u -D; print up'and'running"
zpty -r -m shell seen '*upandrunning*' || exit 1
zpty -n -w shell $'xlp unl\t'
zpty -r -m shell seen '*unload*' || exit 2
zpty -n -w shell $'\C-uxlp sync --pru\t'
zpty -r -m shell seen '*--prune*' || exit 3
zpty -d shell
END
    TERM=xterm timeout 60 zsh -f typed
}

@test "to the journal a finding is one line, with its priority" {
    : >.err # of which `tool` makes stderr
    JOURNAL_STREAM=$(stat -c %d:%i .err) tool verify absent.livepatch
    exits 3
    [ "$(wc -l <<<"$err")" -eq 1 ]
    [[ $err == "<3>error: absent.livepatch: "* ]]
    JOURNAL_STREAM=1:1 tool verify absent.livepatch # stderr goes elsewhere
    [[ $err == "error: "* ]]
}

@test "the units are ones that systemd takes" {
    command -v systemd-analyze >/dev/null || skip "there is no systemd-analyze"
    for unit in xlp-sync.service xlp-shutdown.service xlp-settle.service xlp-settle.timer; do
        sed "s|^\(Exec[A-Za-z]*\)=[^ ]*/xlp |\1=$TOOL |" "$XLP_BINARIES/xlp/$unit" >"$unit"
    done
    # the manual may not be installed yet
    run systemd-analyze verify --man=no ./xlp-sync.service ./xlp-shutdown.service ./xlp-settle.timer
    [ "$status" -eq 0 ] && [ -z "$output" ]
    echo 'Typo=yes' >>xlp-sync.service
    run systemd-analyze verify --man=no ./xlp-sync.service
    [ -n "$output" ]
}

@test "the service at boot knows dom0 by what the kernel says of Xen's features" {
    local condition
    condition=$(sed -n "s|^ExecCondition=/bin/sh -c '\(.*\)'\$|\1|p" "$XLP_BINARIES/xlp/xlp-sync.service")
    condition=${condition//'$$'/'$'} # systemd's way to write it
    [[ $condition == */sys/hypervisor/properties/features* ]]
    condition=${condition//\/sys\/hypervisor\/properties\/features/features}
    echo 00002f05 >features # a dom0
    sh -c "$condition"
    echo 00002705 >features # a guest
    run sh -c "$condition"
    [ "$status" -eq 1 ]
    rm features # no Xen
    run sh -c "$condition"
    [ "$status" -ne 0 ]
}

@test "index make writes an index that others can check, and says what is wrong with its words" {
    payload p.livepatch 1234
    tool index make p.livepatch --serial 3 --in-build XSA-7 --not-concerned 'XSA-8=Arm only'
    exits 0
    jq -e '.schema == "xlp.index/1" and .serial == 3 and .xen.build_id == "1234" and
           [.advisories[].answer] == ["payload", "in-build", "not-concerned"]' index.json
    tool index make p.livepatch --serial 3 --reboot XSA-9
    exits 2
    tool index make --serial 3
    exits 2
}

@test "metrics do not take the place of a device" {
    tool status --prometheus /dev/stdout
    [ -L /dev/stdout ]
    complains "not a regular file"
    tool status --monitor --prometheus /dev/null
    [ -c /dev/null ]
    complains "not a regular file"
}
