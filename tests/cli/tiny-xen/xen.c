// SPDX-License-Identifier: GPL-2.0-only
// A hypervisor of a few functions, from which the command-line tests make xen-syms and objects
// before and after a fix.
extern int printk(const char* fmt, ...);

unsigned int xen_major_version(void) {
    return 4;
}
unsigned int xen_minor_version(void) {
    return 17;
}
const char* xen_extra_version(void) {
    return ".5";
}

#ifndef LIMIT
#define LIMIT 7
#endif
int limit = LIMIT;

__attribute__((noinline)) int helper(int x) {
    return x * 3 + (x >> 2);
}

int admit(int a, int b) {
#ifdef FIXED
    if (a >= b)
#else
    if (a > b)
#endif
        return helper(a);
#ifdef FIXED_MORE
    if (b < 0)
        return helper(-b);
#endif
    return printk("%d is over %d\n", a, b);
}

int other(int a) {
    return helper(a) + limit;
}

int printk(const char* fmt, ...) {
    return fmt[0];
}
