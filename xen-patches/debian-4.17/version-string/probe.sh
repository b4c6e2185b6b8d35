#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# In dom0: the version that Xen gives itself, asked anew each time. It should end in +xlp when the
# state, the argument, is "applied", and in no other.
extra=$(cat /sys/hypervisor/version/extra) || exit 2
echo "the hypervisor calls itself Xen $(cat /sys/hypervisor/version/major).$(cat /sys/hypervisor/version/minor)$extra"
case $extra in
    *+xlp) [ "$1" = applied ] ;;
    *) [ "$1" != applied ] ;;
esac
