#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# usage: readme.bash TOOLS-FOLDER WORK-FOLDER
# The README's commands for the day of an advisory, as they stand there, up to the one for the host.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
tools=$1 work=$2
# shellcheck source=tests/nested/assets.bash
. "$top/tests/nested/assets.bash"
rm -rf "$work" && mkdir -p "$work/bin" && cd "$work"
ln -s "$top/scripts" "$top/xen-patches" .
export XLP_BASES=$work/bases PATH=$work/bin:$tools/xlp-build:$tools/xlp-qa:$PATH
# the hypervisor is there already
commands=$(awk '/^```/ { code = !code } code' "$top/README.md" |
    sed -n '/^xlp-build base add/,/^xlp-qa run/p' |
    sed "s#\"\$(scripts/fetch-xen [^)]*)\"#\"$XLP_ASSETS\"#")
printf '%s\n' "$commands"
[ "$(grep -c '^xlp-' <<<"$commands")" -ge 3 ] || { echo "README.md has no such commands" && exit 1; }
bash -e -c "$commands"
[ -s xsa-506.livepatch ] && [ -s xsa-506.livepatch.json ]
