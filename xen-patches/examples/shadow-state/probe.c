// SPDX-License-Identifier: GPL-2.0-only
/*
 * In dom0: makes two domains and sets the handle of the first three times, that of the second once.
 * When the state, the argument, is "applied", the third time should be refused, and only that; in
 * any other state, nothing. Then the first is destroyed, and a new domain gets its number: that one
 * should begin anew.
 */
#define _GNU_SOURCE
#define __XEN_TOOLS__ 1
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xen/domctl.h>
#include <xen/xen.h>

#include <xen/sys/privcmd.h>

enum { as_expected = 0, otherwise = 1, cannot_tell = 2 };

static int privcmd = -1;
static struct xen_domctl* op; /* in a locked page: dom0 must not move it meanwhile */

static const char* word(int error) {
    return error ? strerrorname_np(error) : "done";
}

/* Returns 0 or an errno. */
static int domctl(uint32_t cmd, domid_t dom) {
    struct privcmd_hypercall call = {.op = __HYPERVISOR_domctl, .arg = {(uintptr_t)op}};

    op->cmd = cmd;
    op->domain = dom;
    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    return ioctl(privcmd, IOCTL_PRIVCMD_HYPERCALL, &call) < 0 ? errno : 0;
}

/* A domain of this number, or of any for 0. Ends the program when there can be none. */
static domid_t make_domain(domid_t wanted) {
    struct xen_domctl_createdomain* create = &op->u.createdomain;
    int error;

    memset(op, 0, sizeof(*op));
    create->max_vcpus = 1;
    create->max_evtchn_port = 15;
    create->max_grant_frames = -1;
    create->max_maptrack_frames = -1;
    create->grant_opts = XEN_DOMCTL_GRANT_version(1);
    error = domctl(XEN_DOMCTL_createdomain, wanted);
    if (error || (wanted && op->domain != wanted)) {
        printf("cannot tell: no domain can be made: %s\n", word(error));
        exit(cannot_tell);
    }
    return op->domain;
}

static int set_handle(domid_t dom) {
    memset(op, 0, sizeof(*op));
    op->u.setdomainhandle.handle[0]++;
    return domctl(XEN_DOMCTL_setdomainhandle, dom);
}

int main(int argc, char** argv) {
    const int wanted = argc > 1 && !strcmp(argv[1], "applied") ? EPERM : 0;
    int times[3], other, anew;
    domid_t a, b;

    privcmd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
    op = mmap(NULL, sizeof(*op), PROT_READ | PROT_WRITE,
              MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE, -1, 0);
    if (privcmd < 0 || op == MAP_FAILED) {
        printf("cannot tell: %s\n", strerror(errno));
        return cannot_tell;
    }
    a = make_domain(0);
    b = make_domain(0);
    for (int i = 0; i < 3; i++)
        times[i] = set_handle(a);
    other = set_handle(b);
    domctl(XEN_DOMCTL_destroydomain, a);
    make_domain(a);
    anew = set_handle(a);
    domctl(XEN_DOMCTL_destroydomain, a);
    domctl(XEN_DOMCTL_destroydomain, b);

    printf("one domain: %s, %s, %s\n", word(times[0]), word(times[1]), word(times[2]));
    printf("another: %s\n", word(other));
    printf("the next of the first one's number: %s\n", word(anew));
    return !times[0] && !times[1] && times[2] == wanted && !other && !anew ? as_expected
                                                                           : otherwise;
}
