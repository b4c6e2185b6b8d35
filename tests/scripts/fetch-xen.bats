# SPDX-License-Identifier: GPL-2.0-only
# Which hypervisor scripts/fetch-xen takes from an archive with gaps, and what it says of them.
load archive

fetch() { run "$scripts/fetch-xen" "$@"; }
took() { grep -qx "$1" "$XDG_CACHE_HOME"/xlp/*/manifest || { cat "$XDG_CACHE_HOME"/xlp/*/manifest; return 1; }; }
patched() { [ "$(cat "$XDG_CACHE_HOME"/xlp/*/src/xen/version.c)" = "$1" ]; }

@test "without the .dsc, Debian's patches are applied by hand" {
    export XLP_DEBIAN_RELEASE=trixie
    release trixie 4.20 4.20.4-1
    source_of trixie 4.20.4-1 tar diff
    fetch
    [ "$status" -eq 0 ]
    took "source patched"
    took "missing the .dsc of 4.20.4-1"
    patched patched
}

@test "without Debian's patches, upstream's tarball does" {
    export XLP_DEBIAN_RELEASE=trixie
    release trixie 4.20 4.20.4-1
    source_of trixie 4.20.4-1 dsc tar
    fetch
    [ "$status" -eq 0 ]
    [[ "$output" == *"the archive lacks Debian's patches (.debian.tar.xz) of 4.20.4-1"* ]]
    took "source upstream"
    took "branch debian-4.20"
    patched one
}

@test "an older version whose source can be had" {
    export XLP_DEBIAN_RELEASE=trixie
    release trixie 4.20 4.20.4-1
    release trixie 4.20 4.20.3-1
    source_of trixie 4.20.3-1 tar diff
    fetch
    [ "$status" -eq 0 ]
    took "xen 4.20.3-1"
    took "missing upstream's tarball (.orig.tar.xz) of 4.20.4-1"
}

@test "at last Debian 12's hypervisor, with its compiler" {
    export XLP_DEBIAN_RELEASE=trixie
    release trixie 4.20 4.20.4-1
    release bookworm 4.17 4.17.5-1
    source_of bookworm 4.17.5-1 tar diff
    compiler bookworm 12
    fetch
    [ "$status" -eq 0 ]
    took "release bookworm"
    took "branch debian-4.17"
    took "compiler cc/usr/bin/x86_64-linux-gnu-gcc-12"
    took "missing upstream's tarball (.orig.tar.xz) of 4.20.4-1"
    # and it is there when it is asked for again, without the archive
    rm -rf "$ARCHIVE"
    fetch
    [ "$status" -eq 0 ]
}

@test "only this release's own: says what is missing" {
    export XLP_DEBIAN_RELEASE=trixie
    release trixie 4.20 4.20.4-1
    release bookworm 4.17 4.17.5-1
    fetch --own-release
    [ "$status" -eq 4 ]
    [[ "$output" == *"the archive lacks upstream's tarball (.orig.tar.xz) of 4.20.4-1"* ]]
    [[ "$output" == *"--source"* ]]
}

@test "a tree of the user's stands in for the source" {
    export XLP_DEBIAN_RELEASE=trixie
    release trixie 4.20 4.20.4-1
    mkdir -p mine/xen
    touch mine/xen/Makefile
    fetch --source mine
    [ "$status" -eq 0 ]
    took "source tree"
}

@test "a version with the hole still open, though a newer one is there" {
    export XLP_DEBIAN_RELEASE=bookworm
    release bookworm 4.17 4.17.7-1
    release bookworm 4.17 4.17.5-1
    source_of bookworm 4.17.7-1 tar diff
    source_of bookworm 4.17.5-1 tar diff
    fetch --before 4.17.7
    [ "$status" -eq 0 ]
    took "xen 4.17.5-1"
}

@test "hypervisor and symbols that do not belong together are refused" {
    export XLP_DEBIAN_RELEASE=bookworm
    release bookworm 4.17 4.17.5-1
    echo 'int main(void) { return 1; }' >xen.c
    gcc -O2 -Wl,--build-id=sha1 xen.c -o xen-syms
    deb bookworm xen-hypervisor-4.17-amd64-dbg 4.17.5-1 usr/lib/debug/boot/xen-syms-4.17-amd64=xen-syms
    source_of bookworm 4.17.5-1 tar diff
    fetch
    [ "$status" -eq 3 ]
    [ ! -e "$XDG_CACHE_HOME/xlp/debian-xen-4.17" ]
}
