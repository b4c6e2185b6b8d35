# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# A small archive in place of Debian's, and an apt that knows nothing else. `release NAME NUMBER`
# puts a hypervisor, its symbols and a kernel into it, `source_of NAME VERSION PIECE...` source
# packages, or some of their pieces.

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    export ARCHIVE=$PWD/archive XDG_CACHE_HOME=$PWD/cache PATH=$PWD/bin:$PATH
    unset XLP_ASSETS
    # shellcheck disable=SC2034 # the tests use it
    scripts=$(cd "$BATS_TEST_DIRNAME/../../scripts" && pwd)
    mkdir bin "$ARCHIVE"
    cat >bin/apt-get <<'EOF'
#!/usr/bin/env bash
# The suite is the one whose folder apt is told to keep its lists in.
words=()
while [ $# -gt 0 ]; do
    case $1 in
        Dir::State::lists=*) suite=${1%/lists} suite=${suite##*/apt-} ;;
        -o | -qq | Dir::* | APT::* | Acquire::*) ;;
        *) words+=("$1") ;;
    esac
    shift
done
set -- "${words[@]}"
here=$ARCHIVE/$suite
case ${0##*/}:$1 in
    apt-get:update) [ -d "$here" ] ;;
    apt-get:download)
        shift
        for package; do
            cp "$here/${package%%=*}"_*"${package#"${package%%=*}"}"*.deb . 2>/dev/null ||
                cp "$here/${package%%=*}_${package#*=}_amd64.deb" . || exit 100
        done
        ;;
    apt-get:source)
        version=${4#xen=}
        case $3 in
            --dsc-only) cp "$here/xen_$version.dsc" . ;;
            --tar-only) cp "$here/xen_${version%-*}.orig.tar.xz" . ;;
            --diff-only) cp "$here/xen_$version.debian.tar.xz" . ;;
        esac || exit 100
        ;;
    apt-cache:pkgnames) ls "$here" | sed -n 's/_.*\.deb$//p' | sort -u ;;
    apt-cache:madison)
        ls "$here" | sed -n "s/^$2_\(.*\)_amd64.deb$/$2 | \1 | a mirror Packages/p"
        ;;
    apt-cache:depends) echo "  Depends: linux-image-6-amd64" ;;
    *) echo "no such thing: ${0##*/} $*" >&2; exit 1 ;;
esac
EOF
    chmod +x bin/apt-get
    ln -s apt-get bin/apt-cache
    echo 'int main(void) { return 0; }' >xen.c
    gcc -Wl,--build-id=sha1 xen.c -o xen-syms
}

# deb SUITE PACKAGE VERSION FILE=CONTENT-OF...
deb() {
    local suite=$1 package=$2 version=$3 file root
    shift 3
    root=$(mktemp -d)
    mkdir -p "$root/DEBIAN" "$ARCHIVE/$suite"
    printf 'Package: %s\nVersion: %s\nArchitecture: amd64\nMaintainer: x <x@x>\nDescription: x\n' \
        "$package" "$version" >"$root/DEBIAN/control"
    for file; do
        mkdir -p "$root/$(dirname "${file%%=*}")"
        cp "${file#*=}" "$root/${file%%=*}"
    done
    chmod -R go-w "$root"
    dpkg-deb -Znone --root-owner-group -b "$root" \
        "$ARCHIVE/$suite/${package}_${version}_amd64.deb" >/dev/null
}

# release SUITE NUMBER VERSION: a hypervisor whose file and symbols belong together
release() {
    gzip -nc xen-syms >xen.gz
    : >empty
    deb "$1" "xen-hypervisor-$2-amd64" "$3" "boot/xen-$2-amd64.gz=xen.gz" \
        "boot/xen-$2-amd64.config=empty"
    deb "$1" "xen-hypervisor-$2-amd64-dbg" "$3" "usr/lib/debug/boot/xen-syms-$2-amd64=xen-syms"
    deb "$1" linux-image-6-amd64 6 boot/vmlinuz-6=empty boot/config-6=empty \
        lib/modules/6/modules.builtin=empty lib/modules/6/kernel/drivers/xen/privcmd.ko=empty
}

# compiler SUITE NUMBER
compiler() {
    printf '#!/bin/sh\nexec gcc "$@"\n' >gcc.sh
    chmod +x gcc.sh
    : >empty
    deb "$1" "gcc-$2" 1 "usr/bin/x86_64-linux-gnu-gcc-$2=gcc.sh"
    deb "$1" "cpp-$2" 1 usr/share/doc/cpp=empty
    deb "$1" "libgcc-$2-dev" 1 usr/share/doc/libgcc=empty
}

# source_of SUITE VERSION PIECE...: pieces are dsc, tar, diff
source_of() {
    local suite=$1 version=$2 piece
    shift 2
    rm -rf tree && mkdir -p tree/xen/xen tree/packaging/debian/patches
    printf 'one\n' >tree/xen/xen/version.c
    printf -- '--- a/xen/version.c\n+++ b/xen/version.c\n@@ -1 +1 @@\n-one\n+patched\n' \
        >tree/packaging/debian/patches/first.patch
    printf '# a comment\n\nfirst.patch # why\n' >tree/packaging/debian/patches/series
    for piece; do
        case $piece in
            dsc) echo 'not a real one' >"$ARCHIVE/$suite/xen_$version.dsc" ;;
            tar) tar -C tree -cJf "$ARCHIVE/$suite/xen_${version%-*}.orig.tar.xz" xen ;;
            diff) tar -C tree/packaging -cJf "$ARCHIVE/$suite/xen_$version.debian.tar.xz" debian ;;
        esac
    done
}
