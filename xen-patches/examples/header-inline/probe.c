// SPDX-License-Identifier: GPL-2.0-only
/*
 * In dom0: makes a domain, asks for it by its number (a domctl) and in the list of all (a sysctl),
 * gives it a vCPU, asks again, and destroys it. While it has no vCPU, neither way should show it
 * when the state, the argument, is "applied"; in any other state, and later, both should.
 */
#define _GNU_SOURCE
#define __XEN_TOOLS__ 1
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xen/domctl.h>
#include <xen/sysctl.h>
#include <xen/xen.h>

#include <xen/sys/privcmd.h>

enum { as_expected = 0, otherwise = 1, cannot_tell = 2 };

struct shared {
    struct xen_domctl domctl;
    struct xen_sysctl sysctl;
    struct xen_domctl_getdomaininfo listed;
};

struct seen {
    bool by_number, in_list;
};

static int privcmd = -1;
static struct shared* s;

/* Returns 0 or an errno. */
static int hypercall(uint64_t op, void* argument) {
    struct privcmd_hypercall call = {.op = op, .arg = {(uintptr_t)argument}};

    return ioctl(privcmd, IOCTL_PRIVCMD_HYPERCALL, &call) < 0 ? errno : 0;
}

static int domctl(uint32_t cmd, domid_t dom) {
    s->domctl.cmd = cmd;
    s->domctl.domain = dom;
    s->domctl.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    return hypercall(__HYPERVISOR_domctl, &s->domctl);
}

static struct seen look_for(domid_t dom) {
    struct seen seen;

    seen.by_number = !domctl(XEN_DOMCTL_getdomaininfo, dom) && s->domctl.domain == dom;
    s->sysctl = (struct xen_sysctl){.cmd = XEN_SYSCTL_getdomaininfolist,
                                    .interface_version = XEN_SYSCTL_INTERFACE_VERSION};
    s->sysctl.u.getdomaininfolist.first_domain = dom;
    s->sysctl.u.getdomaininfolist.max_domains = 1;
    set_xen_guest_handle(s->sysctl.u.getdomaininfolist.buffer, &s->listed);
    seen.in_list = !hypercall(__HYPERVISOR_sysctl, &s->sysctl)
                   && s->sysctl.u.getdomaininfolist.num_domains == 1 && s->listed.domain == dom;
    return seen;
}

static void print(const char* which, struct seen seen) {
    printf("a domain %s: by its number %s, in the list %s\n", which,
           seen.by_number ? "shown" : "hidden", seen.in_list ? "shown" : "hidden");
}

int main(int argc, char** argv) {
    const bool applied = argc > 1 && !strcmp(argv[1], "applied");
    struct xen_domctl_createdomain* create;
    struct seen first, later;
    domid_t dom;
    int error;

    privcmd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
    s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE, -1, 0);
    if (privcmd < 0 || s == MAP_FAILED) {
        printf("cannot tell: %s\n", strerror(errno));
        return cannot_tell;
    }
    create = &s->domctl.u.createdomain;
    create->max_vcpus = 1;
    create->max_evtchn_port = 15;
    create->max_grant_frames = -1;
    create->max_maptrack_frames = -1;
    create->grant_opts = XEN_DOMCTL_GRANT_version(1);
    error = domctl(XEN_DOMCTL_createdomain, 0);
    if (error) {
        printf("cannot tell: no domain can be made: %s\n", strerrorname_np(error));
        return cannot_tell;
    }
    dom = s->domctl.domain;
    first = look_for(dom);
    memset(&s->domctl.u, 0, sizeof(s->domctl.u));
    s->domctl.u.max_vcpus.max = 1;
    error = domctl(XEN_DOMCTL_max_vcpus, dom);
    later = look_for(dom);
    domctl(XEN_DOMCTL_destroydomain, dom);
    if (error) {
        printf("cannot tell: it gets no vCPU: %s\n", strerrorname_np(error));
        return cannot_tell;
    }
    print("without a vCPU", first);
    print("with one", later);
    return first.by_number != applied && first.in_list != applied && later.by_number
                   && later.in_list
               ? as_expected
               : otherwise;
}
