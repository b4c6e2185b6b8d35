#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# In dom0: the part of Xen's version behind 4.17, asked of the hypervisor anew each time.
echo "Xen 4.17$(cat /sys/hypervisor/version/extra)"
