// SPDX-License-Identifier: GPL-2.0-only
// A whole guest: 64-bit, paravirtualised, one vCPU. It asks the hypervisor for its extra version
// for ever, and keeps a record of what it was told, and of its pauses, in a page of its own (struct
// Beat in tools/xlp-qa/launcher/window.h).
// It handles nothing: any fault, and a hypercall that fails, is its end, which dom0 sees.
// Sources: xen/include/public/{elfnote,version,sched,xen}.h; a hypercall's stub is 32 bytes.

#define SCHED_YIELD     0
#define EXTRAVERSION    1
#define XEN_VERSION     hypercalls + 17 * 32
#define SCHED_OP        hypercalls + 29 * 32

        .text
        .balign 4096
hypercalls:                             // Xen writes them
        .skip   4096

        .globl  _start
_start:
        mov     $EXTRAVERSION, %edi
        lea     told(%rip), %rsi
        call    XEN_VERSION
        test    %rax, %rax
        jnz     .Lfailed
        mov     told(%rip), %rax
        mov     told + 8(%rip), %rdx
        cmp     %rax, seen(%rip)
        jne     .Lchanged
        cmp     %rdx, seen + 8(%rip)
        je      .Lsame
.Lchanged:
        mov     %rax, seen(%rip)
        mov     %rdx, seen + 8(%rip)
        incq    changes(%rip)
.Lsame:
        incq    rounds(%rip)
        rdtsc
        shl     $32, %rdx
        or      %rdx, %rax
        mov     %rax, %rdx
        sub     last(%rip), %rdx
        mov     %rax, last(%rip)
        cmp     longest(%rip), %rdx
        jbe     .Lshorter
        mov     %rdx, longest(%rip)
.Lshorter:
        mov     $SCHED_YIELD, %edi
        xor     %esi, %esi
        call    SCHED_OP
        test    %rax, %rax
        jz      _start
.Lfailed:
        ud2

        .section .record, "aw", @progbits       // at 0x200000, by the linker's word
        .ascii  "XLP-BEAT"
rounds: .quad   0
changes:.quad   -1                      // the first word is none
last:   .quad   0
longest:.quad   0                       // since dom0 zeroed it
seen:   .skip   16
told:   .skip   16                      // what is there is overwritten, at times half-way

        .macro  note type:req, value:vararg
        .balign 4
        .long   4, 2f - 1f, \type
        .asciz  "Xen"
1:      \value
2:
        .endm
        .section .note.Xen, "a", @note
        note    1, .quad _start         // ENTRY
        note    2, .quad hypercalls     // HYPERCALL_PAGE
        note    3, .quad 0              // VIRT_BASE: addresses are physical ones
        note    5, .asciz "xen-3.0"     // XEN_VERSION
        note    6, .asciz "xlp"         // GUEST_OS
        note    8, .asciz "generic"     // LOADER
        note    9, .asciz "yes"         // PAE_MODE

        .section .note.GNU-stack, "", @progbits
