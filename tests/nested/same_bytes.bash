#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# usage: same_bytes.bash XLP-BUILD WORK-FOLDER
# Builds one payload for Debian's Xen several times under different conditions: payload and manifest
# must be the same, byte for byte.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
builder=$1 work=$2
# shellcheck source=tests/nested/assets.bash
. "$top/tests/nested/assets.bash"
recipe=$top/xen-patches/debian-4.17/xsa-506
rm -rf "$work" && mkdir -p "$work"

# build NAME SOURCE CACHE [WORD...]: into a folder of that name; CACHE may be empty
build() {
    local name=$1 out=$work/$1 source=$2 cache=$3
    shift 3
    mkdir -p "$out"
    "${as[@]}" "$builder" payload --source "$source" --config "$xen_config" \
        --xen-syms "$xen_syms" ${cache:+--cache "$cache"} \
        "$recipe"/*.patch --advisory XSA-506 -o "$out/fix.livepatch" "$@"
    for file in fix.livepatch fix.livepatch.json; do
        cmp "$work/first/$file" "$out/$file" || { echo "$name: $file differs" && exit 1; }
    done
    echo "$name: the same"
}

as=()
build first "$xen_source" ''    # the user's cache, which the other tests have filled
build "one job" "$xen_source" '' --jobs 1

# another folder, home, time zone, locale, mask, terminal size; another user, if one can read the files
mkdir -p "$work/elsewhere/home"
cp -a "$xen_source" "$work/elsewhere/xen-source"
as=(env HOME="$work/elsewhere/home" TZ=Pacific/Kiritimati LC_ALL=C.UTF-8 LANGUAGE=de COLUMNS=33
    SOURCE_DATE_EPOCH=1)
nobody=(setpriv --reuid=nobody --clear-groups)
if [ "$(id -u)" -eq 0 ] && "${nobody[@]}" test -r "$XLP_ASSETS/manifest" -a -x "$builder" -a -r "$recipe/recipe.json"; then
    mkdir -p "$work/another user, cold cache" && chown -R nobody "$work/elsewhere" "$work/another user, cold cache"
    as+=("${nobody[@]}")
fi
(umask 077 && build "another user, cold cache" "$work/elsewhere/xen-source" "$work/elsewhere/home/cache" --jobs 7)
