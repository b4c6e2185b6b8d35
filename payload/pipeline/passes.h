// SPDX-License-Identifier: GPL-2.0-only
// The passes, in their order. An error ends the pipeline at once; whatever else there is to say is
// added to the context's findings, which `judge` weighs.
#pragma once

#include "payload/pipeline/context.h"

namespace xlp::pipeline {

// One object, taken apart, with names as the image has them. `source` may be empty.
Result<atom::Module> read_module(const std::filesystem::path&, const xen::Image&,
                                 const std::string& source);

// Reads every pair, takes the objects apart. Errors: unreadable objects, odd tables.
Result<void> read(Context&);
// Makes one unit of a file that the patch renamed.
Result<void> unite_renamed(Context&);
// What became of every atom.
Result<void> compare(Context&);
// Needs: units that may differ by line numbers only, with stable lines.
Result<void> ask_for_stable_lines(Context&);
// Compares those once more.
Result<void> compare_stable_lines(Context&);
// The originals against the hypervisor. Needs: originals of which some function does not match,
// with the sections of Xen's own build.
Result<void> match_originals(Context&);
// What goes into the payload, and what forbids one (select.*, data.*, init.*, assembly.*, ...).
Result<void> select(Context&);
// Whether the code that is replaced is what the hypervisor has (match.*), with what was supplied.
Result<void> check_old_code(Context&);
// Whether jumps can be put there, and which bytes they will find (trampoline.*).
Result<void> check_trampolines(Context&);
// Callers of functions that are too short to be redirected (select.too-short).
Result<void> check_callers(Context&);
// Replaced code that ran already and does not run again (init.bring-up).
Result<void> check_bring_up(Context&);
// Types, signatures and variables that included functions and what stays would see differently
// (types.*).
Result<void> check_types(Context&);
// Constants whose new contents are carried, but that code outside of the payload reads too.
Result<void> check_readers(Context&);
// Functions whose address is taken, on builds with indirect branch tracking (select.no-endbr).
Result<void> check_endbr(Context&);
// Accounts for all that both programs hold (account.lost).
Result<void> account(Context&);
// Locates the findings in the source, applies allowances; fails if an error remains.
Result<void> judge(Context&);
// Writes the payload (emit.*).
Result<void> emit_payload(Context&);
// Loads it, as Xen would (load.*).
Result<void> load_payload(Context&);

} // namespace xlp::pipeline
