// SPDX-License-Identifier: GPL-2.0-only
/*
 * In dom0, on an affected AMD CPU, for XSA-471.
 *
 * Asks the hypervisor what new guests will see in CPUID: VERW_CLEAR tells a guest's kernel that
 * VERW scrubs, which it must use itself between its processes. That should be so when the state,
 * the argument, is "applied", and in no other.
 *
 * In the first state, "before", it also starts a small HVM guest, which counts, and in each state
 * it looks whether that guest still runs: the payload diverts the way into HVM guests.
 */
#define _GNU_SOURCE
#define __XEN_TOOLS__ 1
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <xen/domctl.h>
#include <xen/hvm/save.h>
#include <xen/memory.h>
#include <xen/sysctl.h>
#include <xen/xen.h>

#include <xen/sys/privcmd.h>

enum { as_expected = 0, otherwise = 1, cannot_tell = 2 };
/* Words and bits of a feature set, include/public/arch-x86/cpufeatureset.h. */
enum { word_e21a = 11, bit_verw_clear = 5, words = 19 };
/* In the guest's only page: its code at 0, its counter in the middle. */
enum { domain_id = 471, counter = 0x800 };

/* count: incl counter; cpuid (which exits to the hypervisor); jmp count */
static const uint8_t code[] = {0xff, 0x05, 0x00, 0x08, 0x00, 0x00, 0x0f, 0xa2, 0xeb, 0xf6};

struct context {
    struct hvm_save_descriptor header_is;
    struct hvm_save_header header;
    struct hvm_save_descriptor cpu_is;
    struct hvm_hw_cpu cpu;
    struct hvm_save_descriptor end_is;
};

/* All that the hypervisor reads or writes, locked: dom0 must not move it meanwhile. */
struct shared {
    struct xen_sysctl sysctl;
    struct xen_domctl domctl;
    struct xen_memory_reservation reservation;
    xen_pfn_t page;
    uint32_t features[words];
    struct context context;
};

static int privcmd = -1;
static struct shared* s;

/* Returns what the hypercall does, or ends with "cannot tell". */
static long hypercall(const char* what, uint64_t op, uint64_t a, uint64_t b) {
    struct privcmd_hypercall call = {.op = op, .arg = {a, b}};
    long rc = ioctl(privcmd, IOCTL_PRIVCMD_HYPERCALL, &call);

    if (rc < 0) {
        printf("cannot tell: %s: %s\n", what, strerrorname_np(errno));
        exit(cannot_tell);
    }
    return rc;
}

static void domctl(const char* what, uint32_t cmd) {
    s->domctl.cmd = cmd;
    s->domctl.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    s->domctl.domain = domain_id;
    hypercall(what, __HYPERVISOR_domctl, (uintptr_t)&s->domctl, 0);
    memset(&s->domctl, 0, sizeof(s->domctl));
}

/* The guest's page. */
static volatile uint8_t* map(void) {
    const long size = sysconf(_SC_PAGESIZE);
    void* at = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, privcmd, 0);
    xen_pfn_t frame = 0;
    int error = 0;
    struct privcmd_mmapbatch_v2 batch = {
        .num = 1, .dom = domain_id, .addr = (uintptr_t)at, .arr = &frame, .err = &error};

    if (at == MAP_FAILED || ioctl(privcmd, IOCTL_PRIVCMD_MMAPBATCH_V2, &batch) < 0 || error) {
        printf("cannot tell: the guest's memory: %s\n", strerrorname_np(error ? -error : errno));
        exit(cannot_tell);
    }
    return at;
}

static void describe(struct hvm_save_descriptor* d, uint16_t type, uint32_t length) {
    d->typecode = type;
    d->length = length;
}

/* One vCPU in flat protected mode, at address 0. */
static void start_guest(void) {
    struct context* c = &s->context;
    struct hvm_hw_cpu* cpu = &c->cpu;

    s->domctl.u.createdomain.flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap;
    s->domctl.u.createdomain.max_vcpus = 1;
    s->domctl.u.createdomain.max_evtchn_port = 15;
    s->domctl.u.createdomain.max_grant_frames = -1;
    s->domctl.u.createdomain.max_maptrack_frames = -1;
    s->domctl.u.createdomain.grant_opts = XEN_DOMCTL_GRANT_version(1);
    s->domctl.u.createdomain.arch.emulation_flags = XEN_X86_EMU_LAPIC;
    domctl("create an HVM domain", XEN_DOMCTL_createdomain);
    s->domctl.u.paging_mempool.size = 4 << 20;
    domctl("memory for its page tables", XEN_DOMCTL_set_paging_mempool_size);
    s->domctl.u.max_vcpus.max = 1;
    domctl("its vCPU", XEN_DOMCTL_max_vcpus);
    s->domctl.u.max_mem.max_memkb = 1024;
    domctl("its memory", XEN_DOMCTL_max_mem);

    s->page = 0;
    s->reservation = (struct xen_memory_reservation){.nr_extents = 1, .domid = domain_id};
    set_xen_guest_handle(s->reservation.extent_start, &s->page);
    if (hypercall("its page", __HYPERVISOR_memory_op, XENMEM_populate_physmap,
                  (uintptr_t)&s->reservation)
        != 1) {
        printf("cannot tell: no page for the guest\n");
        exit(cannot_tell);
    }
    memcpy((void*)map(), code, sizeof(code));

    describe(&c->header_is, HVM_SAVE_CODE(HEADER), sizeof(c->header));
    c->header.magic = HVM_FILE_MAGIC;
    c->header.version = HVM_FILE_VERSION;
    describe(&c->cpu_is, HVM_SAVE_CODE(CPU), sizeof(*cpu));
    cpu->cr0 = 0x11; /* PE, ET */
    cpu->rflags = 2;
    cpu->dr6 = 0xffff0ff0;
    cpu->dr7 = 0x400;
    cpu->cs_limit = cpu->ds_limit = cpu->es_limit = cpu->ss_limit = UINT32_MAX;
    cpu->fs_limit = cpu->gs_limit = UINT32_MAX;
    cpu->cs_arbytes = 0xc9b;
    cpu->ds_arbytes = cpu->es_arbytes = cpu->ss_arbytes = 0xc93;
    cpu->fs_arbytes = cpu->gs_arbytes = 0xc93;
    cpu->tr_limit = 0x67;
    cpu->tr_arbytes = 0x8b;
    describe(&c->end_is, HVM_SAVE_CODE(END), 0);
    s->domctl.u.hvmcontext.size = sizeof(*c);
    set_xen_guest_handle(s->domctl.u.hvmcontext.buffer, (uint8_t*)c);
    domctl("the state of its vCPU", XEN_DOMCTL_sethvmcontext);
    domctl("start it", XEN_DOMCTL_unpausedomain);
}

/* Whether the guest counts on. */
static bool guest_runs(void) {
    const struct timespec tick = {.tv_nsec = 100000000};
    const volatile uint32_t* count = (const volatile uint32_t*)(map() + counter);
    const uint32_t start = *count;

    for (int i = 0; i < 100 && *count == start; i++)
        nanosleep(&tick, NULL);
    return *count != start;
}

static bool has_verw_clear(uint32_t index) {
    s->sysctl = (struct xen_sysctl){.cmd = XEN_SYSCTL_get_cpu_featureset,
                                    .interface_version = XEN_SYSCTL_INTERFACE_VERSION};
    s->sysctl.u.cpu_featureset.index = index;
    s->sysctl.u.cpu_featureset.nr_features = words;
    set_xen_guest_handle(s->sysctl.u.cpu_featureset.features, s->features);
    hypercall("the CPU's features", __HYPERVISOR_sysctl, (uintptr_t)&s->sysctl, 0);
    return s->features[word_e21a] >> bit_verw_clear & 1;
}

int main(int argc, char** argv) {
    static const struct {
        const char* name;
        uint32_t index;
    } sets[] = {{"Xen", XEN_SYSCTL_cpu_featureset_host},
                {"new PV guests", XEN_SYSCTL_cpu_featureset_pv},
                {"new HVM guests", XEN_SYSCTL_cpu_featureset_hvm}};
    const char* state = argc > 1 ? argv[1] : "";
    const bool wanted = !strcmp(state, "applied");
    bool as_wanted = true, runs;

    setvbuf(stdout, NULL, _IOLBF, 0);
    privcmd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
    s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE, -1, 0);
    if (privcmd < 0 || s == MAP_FAILED) {
        printf("cannot tell: %s\n", strerrorname_np(errno));
        return cannot_tell;
    }
    for (unsigned i = 0; i < sizeof(sets) / sizeof(*sets); i++) {
        const bool has = has_verw_clear(sets[i].index);

        printf("%s: %sVERW_CLEAR\n", sets[i].name, has ? "" : "no ");
        as_wanted &= has == wanted;
    }
    if (!strcmp(state, "before"))
        start_guest();
    runs = guest_runs();
    printf("HVM guest: %s\n", runs ? "runs" : "does not run");
    return as_wanted && runs ? as_expected : otherwise;
}
