#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# usage: same_bytes.bash XLP-BUILD WORK-FOLDER
# Builds one payload for Debian's Xen several times under different conditions: payload and manifest
# must be the same, byte for byte. The last build compiles through a distccd on the loopback interface.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
builder=$1 work=$2
if [ -z "${XLP_ASSETS:-}" ]; then
    [ -z "${XLP_REQUIRE_NESTED:-}" ] || { echo "XLP_REQUIRE_NESTED is set, and XLP_ASSETS is not" && exit 1; }
    echo "no hypervisor: set XLP_ASSETS" && exit 77
fi
recipe=$top/xen-patches/debian-4.17/xsa-506
rm -rf "$work" && mkdir -p "$work"

# build NAME SOURCE CACHE [WORD...]: into a folder of that name
build() {
    local name=$1 out=$work/$1 source=$2 cache=$3
    shift 3
    mkdir -p "$out"
    "${as[@]}" "$builder" payload --source "$source" --config "$(echo "$XLP_ASSETS"/hv/boot/xen-*.config)" \
        --xen-syms "$(find "$XLP_ASSETS"/dbg -name 'xen-syms-*' ! -name '*.map')" --cache "$cache" \
        "$recipe"/*.patch --advisory XSA-506 -o "$out/fix.livepatch" "$@"
    for file in fix.livepatch fix.livepatch.json; do
        cmp "$work/first/$file" "$out/$file" || { echo "$name: $file differs" && exit 1; }
    done
    echo "$name: the same"
}

as=()
build first "$XLP_ASSETS/src" "$work/cache"
build "warm cache, one job" "$XLP_ASSETS/src" "$work/cache" --jobs 1

# another folder, home, time zone, locale, mask, terminal size; another user, if one can read the files
mkdir -p "$work/a folder/home"
cp -a "$XLP_ASSETS/src" "$work/a folder/xen-source"
as=(env HOME="$work/a folder/home" TZ=Pacific/Kiritimati LC_ALL=C.UTF-8 LANGUAGE=de COLUMNS=33
    SOURCE_DATE_EPOCH=1)
nobody=(setpriv --reuid=nobody --clear-groups)
if [ "$(id -u)" -eq 0 ] && "${nobody[@]}" test -r "$XLP_ASSETS/manifest" -a -x "$builder" -a -r "$recipe/recipe.json"; then
    mkdir -p "$work/another user, cold cache" && chown -R nobody "$work/a folder" "$work/another user, cold cache"
    as+=("${nobody[@]}")
fi
(umask 077 && build "another user, cold cache" "$work/a folder/xen-source" "$work/a folder/home/cache" --jobs 7)

as=()
if ! command -v distccd >/dev/null; then
    [ -z "${XLP_REQUIRE_NESTED:-}" ] || { echo "distcc is not installed" && exit 1; }
    echo "without distcc" && exit 0
fi
port=$((20000 + $$ % 20000))
distccd --daemon --no-detach --listen 127.0.0.1 --allow 127.0.0.1 --port $port --jobs 2 \
    --enable-tcp-insecure --log-file "$work/distccd.log" --log-level info &
server=$!
trap 'kill $server 2>/dev/null || true' EXIT
export DISTCC_HOSTS=127.0.0.1:$port/4 DISTCC_FALLBACK=0 DISTCC_DIR=$work/distcc DISTCC_BACKOFF_PERIOD=0
for _ in $(seq 50); do
    (: <>/dev/tcp/127.0.0.1/$port) 2>/dev/null && break
    read -rt 0.1 <> <(:) || true
done
build distcc "$XLP_ASSETS/src" "$work/cold" --launcher distcc
count=$(grep -c COMPILE_OK "$work/distccd.log")
[ "$count" -ge 2 ] || { echo "distccd compiled nothing:" && cat "$work/distccd.log" && exit 1; }
echo "$count compilations by distccd"
