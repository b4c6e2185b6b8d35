// SPDX-License-Identifier: GPL-2.0-only
/*
 * In dom0: polls an event channel that does not exist, then one whose number lies at an address
 * that is not mapped. The second makes the hypervisor fault in do_poll() itself, where the number
 * is read; that it goes on and answers EFAULT is the work of the exception table. The first shows
 * which do_poll() is running: ENOENT should come when the state, the argument, is "applied", else
 * EINVAL.
 */
#define _GNU_SOURCE
#define __XEN_TOOLS__ 1
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xen/event_channel.h>
#include <xen/sched.h>
#include <xen/xen.h>

#include <xen/sys/privcmd.h>

enum { as_expected = 0, otherwise = 1, cannot_tell = 2 };
/* With an event pending, Xen returns 0 before it reads the list: ask again. */
enum { looks = 100 };

struct shared {
    sched_poll_t poll;
    evtchn_port_t port;
};

static int privcmd = -1;
static struct shared* s;

/* Returns 0 or an errno. */
static int poll_port(evtchn_port_t* list) {
    int error = 0;

    for (int i = 0; i < looks && !error; i++) {
        struct privcmd_hypercall call = {.op = __HYPERVISOR_sched_op,
                                         .arg = {SCHEDOP_poll, (uintptr_t)&s->poll}};

        set_xen_guest_handle(s->poll.ports, list);
        s->poll.nr_ports = 1;
        s->poll.timeout = 1; /* long ago, should it come to waiting */
        error = ioctl(privcmd, IOCTL_PRIVCMD_HYPERCALL, &call) < 0 ? errno : 0;
    }
    return error;
}

static void* page(void) {
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE, -1, 0);
}

int main(int argc, char** argv) {
    const int wanted = argc > 1 && !strcmp(argv[1], "applied") ? ENOENT : EINVAL;
    int no_port, no_list;
    void* gone = page();

    privcmd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
    s = page();
    if (privcmd < 0 || s == MAP_FAILED || gone == MAP_FAILED || munmap(gone, 4096)) {
        printf("cannot tell: %s\n", strerror(errno));
        return cannot_tell;
    }
    s->port = UINT32_MAX;
    no_port = poll_port(&s->port);
    no_list = poll_port(gone);
    printf("a port that does not exist: %s\n", strerrorname_np(no_port));
    printf("a list that cannot be read: %s\n", strerrorname_np(no_list));
    return no_port == wanted && no_list == EFAULT ? as_expected : otherwise;
}
