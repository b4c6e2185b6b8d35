// SPDX-License-Identifier: GPL-2.0-only
// The guest of kernel.S for hardware-assisted domains, PVH and HVM alike: 32-bit, one vCPU, without
// paging. Same record, same end.
// Sources: xen/include/public/{elfnote,version,sched}.h, arch-x86/cpuid.h; a hypercall's stub is 32
// bytes.

#define SCHED_YIELD     0
#define EXTRAVERSION    1
#define XEN_VERSION     hypercalls + 17 * 32
#define SCHED_OP        hypercalls + 29 * 32
#define XEN_LEAF_PAGE   0x40000002      // EBX: the register that takes the hypercall page's address

        .code32
        .text
        .balign 4096
hypercalls:                             // Xen writes them
        .skip   4096

        .globl  _start
_start:
        cld
        mov     $stack, %esp
        mov     $XEN_LEAF_PAGE, %eax
        cpuid
        mov     %ebx, %ecx
        mov     $hypercalls, %eax
        xor     %edx, %edx
        wrmsr
.Lround:
        mov     $EXTRAVERSION, %ebx
        mov     $told, %ecx
        call    XEN_VERSION
        test    %eax, %eax
        jnz     .Lfailed
        mov     $told, %esi
        mov     $seen, %edi
        mov     $4, %ecx
        repe cmpsl
        je      .Lsame
        mov     $told, %esi
        mov     $seen, %edi
        mov     $4, %ecx
        rep movsl
        addl    $1, changes
        adcl    $0, changes + 4
.Lsame:
        addl    $1, rounds
        adcl    $0, rounds + 4
        rdtsc
        mov     %eax, %esi              // now, in EDI:ESI
        mov     %edx, %edi
        sub     last, %eax
        sbb     last + 4, %edx
        mov     %esi, last
        mov     %edi, last + 4
        cmp     longest + 4, %edx
        jb      .Lshorter
        ja      .Llonger
        cmp     longest, %eax
        jbe     .Lshorter
.Llonger:
        mov     %eax, longest
        mov     %edx, longest + 4
.Lshorter:
        mov     $SCHED_YIELD, %ebx
        xor     %ecx, %ecx
        call    SCHED_OP
        test    %eax, %eax
        jz      .Lround
.Lfailed:
        ud2

        .bss
        .balign 16
        .skip   4096
stack:

        .section .record, "aw", @progbits       // at 0x200000, by the linker's word
        .ascii  "XLP-BEAT"
rounds: .quad   0
changes:.quad   -1                      // the first word is none
last:   .quad   0
longest:.quad   0                       // since dom0 zeroed it
seen:   .skip   16
told:   .skip   16                      // what is there is overwritten, at times half-way

        .section .note.Xen, "a", @note
        .balign 4
        .long   4, 4, 18                // PHYS32_ENTRY
        .asciz  "Xen"
        .long   _start

        .section .note.GNU-stack, "", @progbits
