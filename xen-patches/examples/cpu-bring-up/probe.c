// SPDX-License-Identifier: GPL-2.0-only
/*
 * In dom0, on a machine with two AMD CPUs: asks the hypervisor what it holds each CPU to be capable
 * of, takes the second down and up again, and asks once more. When the state, the argument, is
 * "applied", no CPU should have LAHF_LM: at once by the hook, and after coming up by the patched
 * code. In any other state both should have it, before and after.
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
#include <unistd.h>

#include <xen/sysctl.h>
#include <xen/xen.h>

#include <xen/arch-x86/xen-mca.h>
#include <xen/sys/privcmd.h>

enum { as_expected = 0, otherwise = 1, cannot_tell = 2 };
enum { cpus = 2 };
/* Words of the hypervisor's own array, include/public/arch-x86/cpufeatureset.h. */
enum { word_e1c = 3, bit_lahf_lm = 0 };

struct shared {
    struct xen_mc mc;
    xen_mc_logical_cpu_t cpu[cpus];
    struct xen_sysctl sysctl;
};

static int privcmd = -1;
static struct shared* s;

/* Returns 0 or an errno. */
static int hypercall(uint64_t op, void* argument) {
    struct privcmd_hypercall call = {.op = op, .arg = {(uintptr_t)argument}};

    return ioctl(privcmd, IOCTL_PRIVCMD_HYPERCALL, &call) < 0 ? errno : 0;
}

static void need(const char* what, int error) {
    if (error) {
        printf("cannot tell: %s: %s\n", what, strerrorname_np(error));
        exit(cannot_tell);
    }
}

/* How many CPUs have the bit. */
static int look(const char* when) {
    int have = 0;

    s->mc =
        (struct xen_mc){.cmd = XEN_MC_physcpuinfo, .interface_version = XEN_MCA_INTERFACE_VERSION};
    s->mc.u.mc_physcpuinfo.ncpus = cpus;
    set_xen_guest_handle(s->mc.u.mc_physcpuinfo.info, s->cpu);
    need("what the CPUs are", hypercall(__HYPERVISOR_mca, &s->mc));
    need("two CPUs", s->mc.u.mc_physcpuinfo.ncpus == cpus ? 0 : ENODEV);
    printf("%s:", when);
    for (int i = 0; i < cpus; i++) {
        bool has = s->cpu[i].mc_cpu_caps[word_e1c] >> bit_lahf_lm & 1;

        printf(" CPU%u %s LAHF_LM%s", s->cpu[i].mc_cpunr, has ? "has" : "lacks",
               i + 1 < cpus ? "," : "\n");
        have += has;
    }
    return have;
}

static void hotplug(const char* what, uint32_t op) {
    s->sysctl = (struct xen_sysctl){.cmd = XEN_SYSCTL_cpu_hotplug,
                                    .interface_version = XEN_SYSCTL_INTERFACE_VERSION};
    s->sysctl.u.cpu_hotplug.cpu = cpus - 1;
    s->sysctl.u.cpu_hotplug.op = op;
    need(what, hypercall(__HYPERVISOR_sysctl, &s->sysctl));
}

int main(int argc, char** argv) {
    const int wanted = argc > 1 && !strcmp(argv[1], "applied") ? 0 : cpus;
    int at_once, later;

    privcmd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
    s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE, -1, 0);
    if (privcmd < 0 || s == MAP_FAILED) {
        printf("cannot tell: %s\n", strerror(errno));
        return cannot_tell;
    }
    at_once = look("now");
    hotplug("take a CPU down", XEN_SYSCTL_CPU_HOTPLUG_OFFLINE);
    hotplug("bring it up", XEN_SYSCTL_CPU_HOTPLUG_ONLINE);
    later = look("CPU1 taken down and up again");
    return at_once == wanted && later == wanted ? as_expected : otherwise;
}
