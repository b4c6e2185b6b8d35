// SPDX-License-Identifier: GPL-2.0-only
// What differs between the loaders of Xen 4.7 to 4.22 (payload/xen/contract.h has since when).
#pragma once

#include "payload/xen/image.h"

namespace xlp::load {

inline constexpr xen::Version oldest_modelled{4, 7, 0};

struct Rules {
    // 4.14: .livepatch.xen_depends, expectations, hooks of all kinds, metadata, payloads without
    // records.
    bool records_v2 = false;
    // 4.8: load and unload hooks, no-operations, and the checks that came with them.
    bool hooks = false;
    bool checks_relocation_symbols = false;            // 2ff229643b
    bool tightened_sections = false;                   // c3f951417f, 7597fabca7, 66d3f83db6
    bool direct_calls = false;                         // 4.12: alternatives that patch calls
    std::size_t record_size = 0, alternative_size = 0; // of an entry
    // fa49f4be41, 8c81423038, aa5a06d5d6 (one series): the hypervisor's build-id is checked before
    // anything is loaded; a section has one address, in the upload buffer until it is placed;
    // errors of notes and alternatives are passed on.
    bool reworked_sections = false;
    // 0dc1f929e8, 9120b5737f: empty sections get an address (as before 4.8), symbols of sections
    // that are not loaded are remembered as ignored.
    bool places_empty_sections = false;
    bool knows_ignored_symbols = false;
    // 6974c75180, 5142dc5c25: the jump goes behind an ENDBR64; the old address is looked up before
    // the sizes are checked.
    bool knows_endbr = false;
    bool knows_endbr_poison = false; // since 4.17: boot code overwrote the ENDBR64
    // 82182ad7b4 moved `applied` and the saved bytes out of .livepatch.funcs.
    bool state_in_records = false;
    // 8676092a0f without 82182ad7b4: only .text is writable while a payload is applied.
    bool read_only_records_fault = false;
    bool checks_alternative_ranges = false;   // e74360e4ba
    bool alternatives_fault_with_ibt = false; // until 4be1fef1e6
    bool has_alternative_calls = false;       // d2fd5f0fcd: .alt_call_sites
    bool negated_features = false;            // 328ed39c59: bit 15 of alt_instr.cpuid
    unsigned feature_words = 0;               // NCAPINTS of the branch's last release
    bool window_behind_data = false; // payloads start at __2M_rwdata_end, not 2 MiB aligned
    bool rodata_writable = false;    // .rodata of Xen, while payloads are applied

    // The image tells what its version cannot: distributions ship snapshots between releases.
    static Rules of(xen::Version, const xen::Image&);
};

} // namespace xlp::load
