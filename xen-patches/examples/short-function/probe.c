// SPDX-License-Identifier: GPL-2.0-only
/*
 * In dom0: empties the hypervisor's console ring, presses the debug key 'q', which dumps all
 * domains, and reads what the ring has then. The dump should say of which type domain 0 is when the
 * state, the argument, is "applied", and in any other state not.
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

#include <xen/sys/privcmd.h>

enum { as_expected = 0, otherwise = 1, cannot_tell = 2 };

struct shared {
    struct xen_sysctl sysctl;
    char key;
    char text[1 << 18]; /* the ring is smaller */
};

static int privcmd = -1;
static struct shared* s;

static void need(const char* what, bool done) {
    if (!done) {
        printf("cannot tell: %s: %s\n", what, strerrorname_np(errno));
        exit(cannot_tell);
    }
}

static void sysctl(const char* what, uint32_t cmd) {
    struct privcmd_hypercall call = {.op = __HYPERVISOR_sysctl, .arg = {(uintptr_t)&s->sysctl}};

    s->sysctl.cmd = cmd;
    s->sysctl.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    need(what, ioctl(privcmd, IOCTL_PRIVCMD_HYPERCALL, &call) >= 0);
}

/* Moves what the ring holds to s->text. */
static void take_console(void) {
    struct xen_sysctl_readconsole* read = &s->sysctl.u.readconsole;

    *read = (struct xen_sysctl_readconsole){.clear = 1, .count = sizeof(s->text) - 1};
    set_xen_guest_handle(read->buffer, s->text);
    sysctl("read the console", XEN_SYSCTL_readconsole);
    s->text[read->count] = '\0';
}

static void press(char key) {
    s->key = key;
    s->sysctl.u.debug_keys = (struct xen_sysctl_debug_keys){.nr_keys = 1};
    set_xen_guest_handle(s->sysctl.u.debug_keys.keys, &s->key);
    sysctl("press a key", XEN_SYSCTL_debug_keys);
}

int main(int argc, char** argv) {
    const bool wanted = argc > 1 && !strcmp(argv[1], "applied");
    const char* line;

    privcmd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
    need("open privcmd", privcmd >= 0);
    s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE, -1, 0);
    need("memory", s != MAP_FAILED);

    take_console();
    press('q');
    take_console();
    if (!strstr(s->text, "General information for domain 0:")) {
        printf("cannot tell: the console has no dump of domain 0\n");
        return cannot_tell;
    }
    line = strstr(s->text, "type of d0: ");
    if (line)
        printf("the dump of domain 0 has a line '%.*s'\n", (int)strcspn(line, "\r\n"), line);
    else
        printf("the dump of domain 0 does not say of which type it is\n");
    return !!line == wanted ? as_expected : otherwise;
}
