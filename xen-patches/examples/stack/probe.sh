#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# In dom0: while the payload is applied, the version string is `five:' and a number.
extra=$(cat /sys/hypervisor/version/extra) || exit 2
echo "the version string: $extra"
case $extra in
    five:[0-9]*) [ "$1" = applied ] ;;
    *) [ "$1" != applied ] ;;
esac
