# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034 # for the scripts that source it
# Debian's Xen for the nested tests, which scripts/fetch-xen fetched. Exit status 77, skipped, where
# there is none.
if [ -z "${XLP_ASSETS:-}" ]; then
    [ -z "${XLP_REQUIRE_NESTED:-}" ] || { echo "XLP_REQUIRE_NESTED is set, and XLP_ASSETS is not" && exit 1; }
    echo "no hypervisor: set XLP_ASSETS" && exit 77
fi
xen_source=$XLP_ASSETS/src
xen_config=$(echo "$XLP_ASSETS"/hv/boot/xen-*.config)
xen_syms=$(find "$XLP_ASSETS/dbg" -name 'xen-syms-*' ! -name '*.map')
xen_efi=$(echo "$XLP_ASSETS"/hv/boot/xen-*.efi)
dom0_kernel=$(echo "$XLP_ASSETS"/kern/boot/vmlinuz-*)
