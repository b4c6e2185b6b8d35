#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# In dom0: bit 4 of the features that Xen tells dom0 of, which follows a flag of struct domain. It
# should be clear when the state, the argument, is "applied", and set in any other.
features=$(cat /sys/hypervisor/properties/features) || exit 2
echo "features of dom0: $features"
case $(( (0x$features >> 4) & 1 )) in
    0) [ "$1" = applied ] ;;
    *) [ "$1" != applied ] ;;
esac
