#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# In dom0: while the payload is applied, the version string ends in a number that grows.
first=$(cat /sys/hypervisor/version/extra) && second=$(cat /sys/hypervisor/version/extra) || exit 2
echo "asked twice: $first $second"
case $second in
    *#*) [ "$1" = applied ] && [ "${second##*#}" -gt "${first##*#}" ] ;;
    *) [ "$1" != applied ] ;;
esac
