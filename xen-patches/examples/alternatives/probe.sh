#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# In dom0: the version string ends in "+second" while the payload is applied. "+first" would mean
# that the payload runs, but its alternatives were not put in place.
extra=$(cat /sys/hypervisor/version/extra) || exit 2
echo "version string: $extra"
case $extra in
    *+second) [ "$1" = applied ] ;;
    *+*) exit 1 ;;
    *) [ "$1" != applied ] ;;
esac
