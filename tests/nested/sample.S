// SPDX-License-Identifier: GPL-2.0-only
// A whole payload in assembler: replaces xen_extra_version(), so that its effect can be read in
// dom0's /sys/hypervisor/version/extra, or the function REPLACED. To be defined when assembled:
// XEN_ID, DEPENDS_ID and OWN_ID (build-ids as lists of bytes), EXTRA (a string).
// Layouts: struct livepatch_func version 2, xen/include/public/sysctl.h; notes, gABI.

#ifndef REPLACED
#define REPLACED xen_extra_version
#endif
#define as_text(word) #word
#define value_as_text(word) as_text(word)

        .section .text.xlp_sample, "ax", @progbits
        .type   xlp_sample, @function
xlp_sample:
        endbr64
#ifdef DIE_WHEN_CALLED
        ud2
#endif
#ifdef RESET_WHEN_CALLED
        lidt    .Lno_table(%rip)        // no handler for what comes, nor for the fault it causes
        int3
#endif
#ifdef HANG_WHEN_CALLED
        cli
1:      jmp     1b
#endif
        lea     .Lextra(%rip), %rax
        ret
.Lsample_end:
        .size   xlp_sample, . - xlp_sample

#ifdef DIE_AT_APPLY
        .section .text.xlp_die, "ax", @progbits
        .type   xlp_die, @function
xlp_die:
        endbr64
        ud2
        .size   xlp_die, . - xlp_die
        .section .livepatch.hooks.load, "a", @progbits
        .quad   xlp_die
#endif

        .section .rodata.xlp_sample, "a", @progbits
.Lextra:
        .asciz  EXTRA
.Lno_table:
        .zero   10
.Lname:
        .asciz  value_as_text(REPLACED)

        .section .livepatch.funcs, "aw", @progbits
        .balign 8
        .quad   .Lname
        .quad   xlp_sample
#ifdef OLD_ADDRESS
        .quad   OLD_ADDRESS
#else
        .quad   REPLACED
#endif
        .long   .Lsample_end - xlp_sample
        .long   OLD_SIZE
        .byte   2               // LIVEPATCH_PAYLOAD_VERSION
        .zero   39
        .zero   32              // no expectation

        .macro build_id section:req, bytes:vararg
        .section \section, "a", @note
        .balign 4
        .long   4, 2f - 1f, 3   // NT_GNU_BUILD_ID
        .asciz  "GNU"
1:      .byte   \bytes
2:
        .endm
        build_id .livepatch.depends, DEPENDS_ID
        build_id .livepatch.xen_depends, XEN_ID
        build_id .note.gnu.build-id, OWN_ID

        .section .note.GNU-stack, "", @progbits
