#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# usage: efi.bash TOOLS-FOLDER WORK-FOLDER
# A payload for Debian's xen.efi, which has a static function and a static variable under names that
# the linker cut: built, verified, and taken by that hypervisor, started by a firmware.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
tools=$1 work=$2
# shellcheck source=tests/nested/assets.bash
. "$top/tests/nested/assets.bash"
rm -rf "$work" && mkdir -p "$work" && cd "$work"

"$tools/xlp-build/xlp-build" payload --source "$xen_source" \
    --config "$xen_config" --xen-syms "$xen_syms" --xen-efi "$xen_efi" \
    "$top"/xen-patches/debian-4.17/xsa-506/*.patch -o fix.livepatch
"$tools/xlp-build/xlp-build" verify fix.livepatch --xen-syms "$xen_syms" --xen-efi "$xen_efi"
readelf -sW fix.livepatch | grep ' arch/x86/hvm/d#op_size'
"$tools/xlp-qa/xlp-qa" run fix.livepatch --xen "$xen_efi" --xen-syms "$xen_syms" --kernel "$dom0_kernel"
