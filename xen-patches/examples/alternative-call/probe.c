// SPDX-License-Identifier: GPL-2.0-only
/*
 * In dom0: makes an HVM domain without memory, reads what a triple fault does to it, and destroys
 * it. It should be a crash when the state, the argument, is "applied", and a reboot in any other.
 * The domain comes about by a call through hvm_funcs in the function that the payload replaces.
 */
#define _GNU_SOURCE
#define __XEN_TOOLS__ 1
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xen/domctl.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/sched.h>
#include <xen/xen.h>

#include <xen/sys/privcmd.h>

enum { as_expected = 0, otherwise = 1, cannot_tell = 2 };

struct shared {
    struct xen_domctl domctl;
    struct xen_hvm_param param;
};

static int privcmd = -1;
static struct shared* s;

/* Returns 0 or an errno. */
static int hypercall(uint64_t op, uint64_t a, uint64_t b) {
    struct privcmd_hypercall call = {.op = op, .arg = {a, b}};

    return ioctl(privcmd, IOCTL_PRIVCMD_HYPERCALL, &call) < 0 ? errno : 0;
}

static int domctl(uint32_t cmd) {
    s->domctl.cmd = cmd;
    s->domctl.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    return hypercall(__HYPERVISOR_domctl, (uintptr_t)&s->domctl, 0);
}

int main(int argc, char** argv) {
    const uint64_t wanted =
        argc > 1 && !strcmp(argv[1], "applied") ? SHUTDOWN_crash : SHUTDOWN_reboot;
    struct xen_domctl_createdomain* create;
    int error;

    privcmd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
    s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE, -1, 0);
    if (privcmd < 0 || s == MAP_FAILED) {
        printf("cannot tell: %s\n", strerror(errno));
        return cannot_tell;
    }
    create = &s->domctl.u.createdomain;
    create->flags = XEN_DOMCTL_CDF_hvm;
    create->max_vcpus = 1;
    create->max_evtchn_port = 15;
    create->max_grant_frames = -1;
    create->max_maptrack_frames = -1;
    create->grant_opts = XEN_DOMCTL_GRANT_version(1);
    create->arch.emulation_flags = XEN_X86_EMU_LAPIC;
    error = domctl(XEN_DOMCTL_createdomain);
    if (error) {
        printf("an HVM domain cannot be made: %s\n", strerrorname_np(error));
        return otherwise;
    }
    s->param.domid = s->domctl.domain;
    s->param.index = HVM_PARAM_TRIPLE_FAULT_REASON;
    error = hypercall(__HYPERVISOR_hvm_op, HVMOP_get_param, (uintptr_t)&s->param);
    domctl(XEN_DOMCTL_destroydomain);
    if (error) {
        printf("cannot tell: HVMOP_get_param: %s\n", strerrorname_np(error));
        return cannot_tell;
    }
    printf("an HVM domain was made; a triple fault in it: %s\n",
           s->param.value == SHUTDOWN_crash    ? "crash"
           : s->param.value == SHUTDOWN_reboot ? "reboot"
                                               : "something else");
    return s->param.value == wanted ? as_expected : otherwise;
}
