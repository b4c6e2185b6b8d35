/* SPDX-License-Identifier: GPL-2.0-only */
/* A hypervisor of a few functions, and with -DFIXED a fix to one of them: in assembly, so that the
 * bytes, and with them the outputs beside this file, do not depend on the compiler. */
    .file "common/admit.c"

    .macro function name
    .section .text.\name, "ax", @progbits
    .p2align 4
    .globl \name
    .type \name, @function
\name:
    .endm

    .macro end name
    .size \name, . - \name
    .endm

    function xen_major_version
    mov $4, %eax
    ret
    end xen_major_version

    function xen_minor_version
    mov $17, %eax
    ret
    end xen_minor_version

    function xen_extra_version
    lea extra(%rip), %rax
    ret
    end xen_extra_version

    function printk
    movsbl (%rdi), %eax
    ret
    end printk

    function helper
    lea (%rdi, %rdi, 2), %eax
    sar $2, %edi
    add %edi, %eax
    ret
    end helper

    function admit
    cmp %esi, %edi
#ifdef FIXED
    jge 1f
    cmp limit(%rip), %edi
    jg 1f
#else
    jg 1f
#endif
    jmp helper
1:  lea message(%rip), %rdi
    jmp printk
    end admit

    .section .rodata.str1.1, "aMS", @progbits, 1
extra:
    .string ".5"
message:
    .string "too many\n"

    .section .data.limit, "aw", @progbits
    .p2align 2
    .globl limit
    .type limit, @object
limit:
#ifdef RAISED
    .long 9
#else
    .long 7
#endif
    .size limit, 4

    .section .note.GNU-stack, "", @progbits
